#include "agent/trainer/models/weights.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/zeros.h>

#include <utility>

namespace rsg::trainer {

at::Tensor Weights::AddParameter(std::string name, const at::Tensor& initial) {
  // to(), not contiguous(): it gives 1x1 kernels NHWC's own strides, too, as torch.nn.Module.to does. contiguous()
  // leaves them as they are, and their gradients would come out with other strides than they have.
  const auto format =
      style_.channels_last && initial.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Preserve;
  const at::Tensor tensor = initial.to(style_.device, style_.dtype, /*non_blocking=*/false, /*copy=*/false, format);
  tensor.set_requires_grad(true);
  parameters_.push_back({std::move(name), tensor});
  return tensor;
}

at::Tensor Weights::AddBuffer(std::string name, const at::Tensor& initial) {
  const at::Tensor tensor = initial.to(style_.device, style_.dtype);
  buffers_.push_back({std::move(name), tensor});
  return tensor;
}

at::Tensor Weights::AddConstant(std::string name, const at::Tensor& value) {
  const at::Tensor tensor = value.to(style_.device, value.is_floating_point() ? style_.dtype : value.scalar_type());
  buffers_.push_back({std::move(name), tensor, /*persistent=*/false});
  return tensor;
}

void Weights::AdoptParameter(std::string name, at::Tensor tensor) {
  parameters_.push_back({std::move(name), std::move(tensor)});
}

void Weights::AdoptBuffer(std::string name, at::Tensor tensor) {
  buffers_.push_back({std::move(name), std::move(tensor)});
}

void Weights::AddBatchCounter(std::string name) {
  const at::Tensor counter = at::zeros({}, at::TensorOptions().device(style_.device).dtype(at::kLong));
  buffers_.push_back({std::move(name), counter});
  batch_counters_.push_back(counter);
}

void Weights::CountBatch() {
  if (!batch_counters_.empty()) at::_foreach_add_(batch_counters_, 1);
}

std::uint64_t Weights::ParameterCount() const {
  std::uint64_t count = 0;
  for (const NamedTensor& parameter : parameters_) count += static_cast<std::uint64_t>(parameter.tensor.numel());
  return count;
}

at::Tensor Scope::Parameter(std::string_view name, const at::Tensor& initial) const {
  return weights_->AddParameter(prefix_ + std::string(name), initial);
}

at::Tensor Scope::Buffer(std::string_view name, const at::Tensor& initial) const {
  return weights_->AddBuffer(prefix_ + std::string(name), initial);
}

at::Tensor Scope::Constant(std::string_view name, const at::Tensor& value) const {
  return weights_->AddConstant(prefix_ + std::string(name), value);
}

void Scope::BatchCounter(std::string_view name) const { weights_->AddBatchCounter(prefix_ + std::string(name)); }

}  // namespace rsg::trainer
