// Where NVIDIA's management library is loaded from.
#pragma once
#include <cstdlib>
#include <string>

namespace rsg::trainer {

/// The environment's RSG_NVML, for tests and for drivers that lie in unusual places; else what the dynamic linker looks
/// for, which comes with the driver.
inline std::string NvmlLibrary() {
  const char* named = std::getenv("RSG_NVML");
  return named != nullptr && *named != '\0' ? named : "libnvidia-ml.so.1";
}

}  // namespace rsg::trainer
