// Between the trainer and librsg-trainer-cuda.so: one exported function. The plugin is built with the trainer, from one
// source tree, and is loaded only where there is an NVIDIA driver.
#pragma once
#include <memory>
#include <vector>

#include "agent/trainer/device/device.hpp"

namespace rsg::trainer {

struct CudaPlugin {
  /// kVersion of the tree that the plugin was built from; the trainer refuses another one.
  const char* version;
  /// The GPUs that the driver shows, in CUDA's order, which is the ordinals'. Makes no context: a busy GPU is fine.
  /// Throws c10::Error where there is none, or none that this driver can be used with.
  std::vector<DeviceIdentity> (*list)();
  /// Opens a GPU and makes it current. Throws c10::Error.
  std::unique_ptr<Device> (*open)(int ordinal);
  /// cuDNN's version; empty when it is absent.
  std::string (*cudnn_version)();
};

inline constexpr char kCudaPluginSymbol[] = "rsg_trainer_cuda_plugin";
using CudaPluginFunction = const CudaPlugin*();

}  // namespace rsg::trainer
