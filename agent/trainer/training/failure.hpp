// What LibTorch throws, told apart.
#pragma once
#include "absl/status/status.h"

namespace rsg::trainer {

/// To be called in a catch block: the exception as a status. RESOURCE_EXHAUSTED: out of memory, on the device or the
/// host. UNIMPLEMENTED: this device or this build of LibTorch cannot do it. INVALID_ARGUMENT: a std::invalid_argument,
/// which LibTorch does not throw. UNKNOWN: cuDNN found no engine, be it for want of memory or of support;
/// `refused_memory` (Device::RefusedMemory) makes it RESOURCE_EXHAUSTED. INTERNAL: anything else. The text is the first
/// line of what the exception says, after TorchScript's traceback if there is one, without a backtrace, at most 1 KiB.
absl::Status StatusOfException(bool refused_memory = false);

}  // namespace rsg::trainer
