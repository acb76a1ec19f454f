#include "agent/trainer/telemetry/open.hpp"

#include <cstdlib>

#include "agent/trainer/telemetry/cpu_reader.hpp"
#include "agent/trainer/telemetry/cpu_wait.hpp"
#include "agent/trainer/telemetry/nvml.hpp"

namespace rsg::trainer {
namespace {

std::string Environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

}  // namespace

OpenedReader OpenReader(const std::string& gpu_uuid) {
  OpenedReader opened;
  if (const std::string uuid = Environment("RSG_NVML_DEVICE", gpu_uuid); !uuid.empty()) {
    opened.of_gpu = true;
    auto nvml = OpenNvml(Environment("RSG_NVML", kNvmlLibrary), uuid);
    if (nvml.ok()) {
      opened.reader = WithCpuWait(*std::move(nvml));
      return opened;
    }
    opened.note = std::string(nvml.status().message());
  }
  opened.reader = WithCpuWait(OpenCpuReader("", AllowedCpus()));
  return opened;
}

}  // namespace rsg::trainer
