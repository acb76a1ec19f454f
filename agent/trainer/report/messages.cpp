#include "agent/trainer/report/messages.hpp"

#include "absl/strings/str_cat.h"
#include "agent/trainer/precision.hpp"
#include "common/models.hpp"
#include "common/revision.hpp"
#include "common/version.hpp"

namespace rsg::trainer {
namespace {

v1::ModelInfo MakeModelInfo(const ModelEntry& entry) {
  v1::ModelInfo model;
  model.set_name(std::string(entry.name));
  model.set_default_image_size(entry.default_image_size);
  model.set_min_image_size(entry.min_image_size);
  model.set_image_size_multiple(entry.size_multiple);
  model.set_parameters(entry.parameters);
  return model;
}

v1::Device MakeDevice(const DeviceIdentity& identity, std::uint32_t ordinal) {
  const bool gpu = identity.capability_major > 0;
  v1::Device device;
  device.set_id(identity.uuid);
  device.set_kind(gpu ? v1::DEVICE_KIND_GPU : v1::DEVICE_KIND_CPU);
  device.set_name(identity.name);
  device.set_memory_mib(identity.memory_mib);
  for (const v1::Precision precision : PrecisionsOf(identity, TorchCudaVersion())) device.add_precisions(precision);
  if (gpu) device.set_compute_capability(absl::StrCat(identity.capability_major, ".", identity.capability_minor));
  device.set_ordinal(ordinal);
  return device;
}

}  // namespace

const char* TorchCudaVersion() { return RSG_TORCH_CUDA_VERSION; }

v1::Stack MakeStack(const std::string& cudnn_version) {
  v1::Stack stack;
  stack.set_trainer_version(kVersion);
  stack.set_torch_version(RSG_TORCH_VERSION);
  stack.set_cuda_version(TorchCudaVersion());
  stack.set_cudnn_version(cudnn_version);
  stack.set_source_revision(SourceRevision());
  return stack;
}

v1::Flags MakeFlags(const Device& device, const Numerics& numerics, bool cudnn_benchmark, const StepFacts& facts) {
  v1::Flags flags;
  flags.set_cudnn_benchmark(device.is_gpu() && cudnn_benchmark);
  flags.set_cudnn_allow_tf32(device.is_gpu() && numerics.cudnn_tf32);
  flags.set_matmul_allow_tf32(device.is_gpu() && numerics.matmul_tf32);
  flags.set_autocast(numerics.autocast != Numerics::Autocast::kNone);
  if (numerics.autocast == Numerics::Autocast::kFloat16) flags.set_autocast_dtype("float16");
  if (numerics.autocast == Numerics::Autocast::kBfloat16) flags.set_autocast_dtype("bfloat16");
  flags.set_grad_scaler(numerics.grad_scaler);
  flags.set_optimizer(facts.optimizer);
  flags.set_cuda_graph(facts.cuda_graph);
  flags.set_note(facts.note);
  flags.set_attention(facts.attention);
  flags.set_threads(device.HostThreads());
  return flags;
}

v1::TrainerInfo MakeInfo(const DeviceList& devices, const std::string& driver_version) {
  v1::TrainerInfo info;
  info.set_protocol_version(kProtocolVersion);
  *info.mutable_stack() = MakeStack(devices.cudnn_version);
  for (std::size_t i = 0; i < devices.gpus.size(); ++i)
    *info.add_devices() = MakeDevice(devices.gpus[i], static_cast<std::uint32_t>(i));
  *info.add_devices() = MakeDevice(devices.cpu, 0);
  *info.mutable_models() = MakeModelList().models();
  info.set_driver_version(driver_version);
  return info;
}

v1::ModelList MakeModelList() {
  v1::ModelList list;
  for (const ModelEntry& entry : Models()) *list.add_models() = MakeModelInfo(entry);
  return list;
}

}  // namespace rsg::trainer
