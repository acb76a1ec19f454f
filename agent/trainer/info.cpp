#include "agent/trainer/info.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "agent/trainer/device/cuda/driver_version.hpp"
#include "agent/trainer/device/open.hpp"
#include "agent/trainer/report/messages.hpp"
#include "common/json.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

template <typename Models>
std::string ModelTable(const Models& models) {
  std::size_t width = 0;
  for (const v1::ModelInfo& model : models) width = std::max(width, model.name().size());
  std::string text = fmt::format("{:<{}}{:>8}{:>10}{:>14}\n", "MODEL", width, "SIZE", "MINIMUM", "PARAMETERS");
  for (const v1::ModelInfo& model : models)
    text += fmt::format("{:<{}}{:>8}{:>10}{:>12.2f} M\n", model.name(), width, model.default_image_size(),
                        model.min_image_size(), model.parameters() / 1e6);
  return text;
}

std::string DeviceLines(const v1::Device& device) {
  const bool gpu = device.kind() == v1::DEVICE_KIND_GPU;
  std::string precisions;
  for (const int precision : device.precisions())
    precisions += (precisions.empty() ? "" : ", ") + Word(static_cast<v1::Precision>(precision));
  std::string text = fmt::format("{:<10}{}, {} MiB\n", gpu ? fmt::format("cuda:{}", device.ordinal()) : "cpu",
                                 device.name(), device.memory_mib());
  if (gpu) text += fmt::format("{:<10}{}, compute capability {}\n", "", device.id(), device.compute_capability());
  return text + fmt::format("{:<10}{}\n", "",
                            precisions.empty() ? "too old for this LibTorch: no precision is available" : precisions);
}

std::string InfoText(const v1::TrainerInfo& info) {
  std::string text;
  for (const v1::Device& device : info.devices()) text += DeviceLines(device);
  const v1::Stack& stack = info.stack();
  text += fmt::format("{:<10}rsg-trainer {} {}, LibTorch {}, CUDA {}", "stack", stack.trainer_version(),
                      stack.source_revision(), stack.torch_version(),
                      stack.cuda_version().empty() ? "none" : stack.cuda_version());
  if (!stack.cudnn_version().empty()) text += ", cuDNN " + stack.cudnn_version();
  if (!info.driver_version().empty()) text += ", driver " + info.driver_version();
  return text + "\n\n" + ModelTable(info.models());
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

}  // namespace

int ShowInfo(bool json) {
  const DeviceList devices = ListDevices();
  if (!devices.note.empty()) std::fprintf(stderr, "rsg-trainer: %s\n", devices.note.c_str());
  const v1::TrainerInfo info = MakeInfo(devices, DriverVersion());
  Print(json ? ToJson(info) + "\n" : InfoText(info));
  return 0;
}

int ShowModels(bool json) {
  const v1::ModelList list = MakeModelList();
  Print(json ? ToJson(list) + "\n" : ModelTable(list.models()));
  return 0;
}

}  // namespace rsg::trainer
