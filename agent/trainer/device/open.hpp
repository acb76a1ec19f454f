// Which device a run trains on, and which devices there are.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/trainer/device/device.hpp"

namespace rsg::trainer {

/// Opens "cpu", "cuda" (the first GPU), "cuda:N", or, for "", a GPU where one can be used and the CPU otherwise. Must
/// come before anything of LibTorch is used. INVALID_ARGUMENT: no such word. UNIMPLEMENTED: no such device here, with
/// the reason. `note`: where "" gives the CPU of a machine with NVIDIA's driver, why. Not thread-safe.
absl::StatusOr<std::unique_ptr<Device>> OpenDevice(std::string_view name, std::string* note = nullptr);

/// The GPUs that OpenDevice can open, in the order of their ordinals, then the CPU.
struct DeviceList {
  std::vector<DeviceIdentity> gpus;
  DeviceIdentity cpu;
  std::string cudnn_version;  ///< empty without a GPU
  std::string note;           ///< why there is none although NVIDIA's driver is there; empty otherwise
};
/// Quick, and makes no CUDA context: GPUs may be busy.
DeviceList ListDevices();

}  // namespace rsg::trainer
