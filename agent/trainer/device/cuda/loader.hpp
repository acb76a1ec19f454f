// Finds and loads the CUDA plugin.
#pragma once
#include "absl/status/statusor.h"
#include "agent/trainer/device/cuda/plugin.hpp"

namespace rsg::trainer {

/// The plugin, loaded at the first call and kept until the process ends. Must come before LibTorch is used at all, even
/// on the CPU: ATen looks for its CUDA side once, at its first use. NOT_FOUND: there is no NVIDIA driver here (no
/// libcuda.so.1), which is nothing to complain about. FAILED_PRECONDITION: there is one, but LibTorch's CUDA libraries
/// or the plugin cannot be loaded; the text says why and what helps. Not thread-safe.
absl::StatusOr<const CudaPlugin*> LoadCudaPlugin();

}  // namespace rsg::trainer
