#include "agent/trainer/device/cuda/driver_version.hpp"

#include <dlfcn.h>

#include <fstream>
#include <memory>

#include "agent/trainer/telemetry/nvml_library.hpp"

namespace rsg::trainer {
namespace {

// Where the kernel's module is out of sight (WSL, some containers) NVML still knows. Its functions are declared here:
// the header is not among the wheels that building needs. 0 is NVML_SUCCESS.
std::string NvmlDriverVersion() {
  const auto close = [](void* library) { dlclose(library); };
  const std::unique_ptr<void, decltype(close)> library(dlopen(NvmlLibrary().c_str(), RTLD_NOW | RTLD_LOCAL), close);
  if (library == nullptr) return "";
  const auto start = reinterpret_cast<int (*)()>(dlsym(library.get(), "nvmlInit_v2"));
  const auto stop = reinterpret_cast<int (*)()>(dlsym(library.get(), "nvmlShutdown"));
  const auto ask = reinterpret_cast<int (*)(char*, unsigned)>(dlsym(library.get(), "nvmlSystemGetDriverVersion"));
  if (start == nullptr || stop == nullptr || ask == nullptr || start() != 0) return "";
  char version[81] = "";  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE is 80
  if (ask(version, sizeof version - 1) != 0) version[0] = '\0';
  stop();
  return version;
}

}  // namespace

std::string DriverVersion() {
  std::ifstream module("/sys/module/nvidia/version");
  std::string version;
  if (module >> version) return version;
  return NvmlDriverVersion();
}

}  // namespace rsg::trainer
