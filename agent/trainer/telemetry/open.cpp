#include "agent/trainer/telemetry/open.hpp"

#include <cstdlib>

#include "agent/trainer/telemetry/cpu_reader.hpp"
#include "agent/trainer/telemetry/cpu_wait.hpp"
#include "agent/trainer/telemetry/nvml.hpp"
#include "agent/trainer/telemetry/nvml_library.hpp"

namespace rsg::trainer {
namespace {

std::string GpuToRead(const std::string& uuid) {
  const char* named = std::getenv("RSG_NVML_DEVICE");
  return named != nullptr && *named != '\0' ? named : uuid;
}

}  // namespace

OpenedReader OpenReader(const std::string& gpu_uuid) {
  OpenedReader opened;
  if (const std::string uuid = GpuToRead(gpu_uuid); !uuid.empty()) {
    opened.of_gpu = true;
    auto nvml = OpenNvml(NvmlLibrary(), uuid);
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
