// The CPU as a device: work is done when a call returns, time is the steady clock's.
#pragma once
#include <memory>

#include "agent/trainer/device/device.hpp"

namespace rsg::trainer {

/// Never fails. Caps the tensors' memory at what the machine has free, so that a batch that is too large ends as out of
/// memory and not by the kernel's killer; LimitMemory lowers the cap.
std::unique_ptr<Device> OpenCpu();

}  // namespace rsg::trainer
