#pragma once
#include <string>

namespace rsg::trainer {

/// Version of NVIDIA's driver, e.g. "580.65.06", by the kernel module or by NVML (RSG_NVML); empty without one. Takes
/// no GPU.
std::string DriverVersion();

}  // namespace rsg::trainer
