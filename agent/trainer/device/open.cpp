#include "agent/trainer/device/open.hpp"

#include <charconv>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/device/cpu/cpu_facts.hpp"
#include "agent/trainer/device/cuda/loader.hpp"
#include "agent/trainer/training/failure.hpp"
#include "common/memory.hpp"

namespace rsg::trainer {
namespace {

// 0 for "cuda", N for "cuda:N".
std::optional<int> Ordinal(std::string_view name) {
  if (name == "cuda") return 0;
  if (!name.starts_with("cuda:")) return std::nullopt;
  name.remove_prefix(5);
  int ordinal = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), ordinal);
  if (error != std::errc() || end != name.data() + name.size() || ordinal < 0) return std::nullopt;
  return ordinal;
}

absl::Status NoDevice(std::string_view name, absl::string_view why) {
  return absl::UnimplementedError(absl::StrCat("device: ", std::string(name), " cannot be used here: ", why));
}

absl::StatusOr<std::unique_ptr<Device>> OpenGpu(std::string_view name, int ordinal) {
  const auto plugin = LoadCudaPlugin();
  if (!plugin.ok()) return NoDevice(name, plugin.status().message());
  try {
    const std::size_t count = (*plugin)->list().size();
    if (static_cast<std::size_t>(ordinal) >= count)
      return NoDevice(name, absl::StrCat("the driver shows ", count, " GPUs; use cpu or a number below that"));
    return (*plugin)->open(ordinal);
  } catch (...) {
    return NoDevice(name, StatusOfException().message());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> OpenDevice(std::string_view name, std::string* note) {
  if (name == "cpu") return OpenCpu();
  if (const auto ordinal = Ordinal(name)) return OpenGpu(name, *ordinal);
  if (name.empty()) {
    const DeviceList devices = ListDevices();
    if (!devices.gpus.empty()) return OpenGpu("cuda", 0);
    if (note != nullptr) *note = devices.note;
    return OpenCpu();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("device: '", std::string(name), "' is unknown; use cpu, cuda or cuda:N"));
}

DeviceList ListDevices() {
  DeviceList found{
      .gpus = {}, .cpu = {.name = CpuName(), .memory_mib = MemoryMib("/")}, .cudnn_version = "", .note = ""};
  const auto plugin = LoadCudaPlugin();
  if (!plugin.ok()) {
    if (!absl::IsNotFound(plugin.status())) found.note = std::string(plugin.status().message());
    return found;
  }
  try {
    found.gpus = (*plugin)->list();
    found.cudnn_version = (*plugin)->cudnn_version();
  } catch (...) {
    found.note = absl::StrCat("no GPU can be used: ", StatusOfException().message());
  }
  return found;
}

}  // namespace rsg::trainer
