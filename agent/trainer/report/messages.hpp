// Builds the messages that describe this trainer, its stack and its devices: the one place where what LibTorch and the
// system say becomes proto/.
#pragma once
#include <string>

#include "agent/trainer/device/device.hpp"
#include "agent/trainer/device/open.hpp"
#include "agent/trainer/training/numerics.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "rsg/v1/trainer.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// CUDA version that LibTorch was built with, e.g. "13.0".
const char* TorchCudaVersion();

/// `cudnn_version` may be empty.
v1::Stack MakeStack(const std::string& cudnn_version);
/// The flags in force on `device` under `numerics`, with what the step says of itself. What has no effect on a CPU is
/// reported as off there.
v1::Flags MakeFlags(const Device& device, const Numerics& numerics, bool cudnn_benchmark, const StepFacts& facts);
/// Everything that `info` prints.
v1::TrainerInfo MakeInfo(const DeviceList& devices, const std::string& driver_version);
v1::ModelList MakeModelList();

}  // namespace rsg::trainer
