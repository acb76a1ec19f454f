// What the precisions of proto/ mean to LibTorch, and which device has which. Pure.
#pragma once
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/trainer/device/device.hpp"
#include "agent/trainer/training/numerics.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// How a step computes under `precision`, which must be a known one.
Numerics NumericsOf(v1::Precision precision);

/// How the steps of `cell` compute: the same but for mode `original`, which has no gradient scaler.
Numerics NumericsOf(const v1::Cell& cell);

/// How a matrix product computes that shows what `precision` can reach: TF32 wherever the precision has it, so also for
/// fp32, whose convolutions use it.
Numerics PeakNumericsOf(v1::Precision precision);

/// From compute capability 8.0 on; before, and on a CPU, the flags that allow TF32 change nothing.
bool HasTf32(const DeviceIdentity& device);

/// Whether convolutions under `precision` may be Winograd's, which take fewer multiplications than are counted: FP32 on
/// a CPU, and on a GPU where TF32 is off or does not exist.
bool MayUseWinograd(v1::Precision precision, const DeviceIdentity& device);

/// What `device` can run with a LibTorch that was built with `cuda_version` ("13.0"), in the order of the enum. Empty
/// for a GPU that is older than that LibTorch's machine code.
std::vector<v1::Precision> PrecisionsOf(const DeviceIdentity& device, std::string_view cuda_version);

/// UNIMPLEMENTED, with what the device has instead, when it lacks `precision`.
absl::Status CheckPrecision(v1::Precision precision, const DeviceIdentity& device, std::string_view cuda_version);

}  // namespace rsg::trainer
