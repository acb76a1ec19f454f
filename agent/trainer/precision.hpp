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

/// What `device` can run with a LibTorch that was built with `cuda_version` ("13.0"), in the order of the enum. Empty
/// for a GPU that is older than that LibTorch's machine code.
std::vector<v1::Precision> PrecisionsOf(const DeviceIdentity& device, std::string_view cuda_version);

/// UNIMPLEMENTED, with what the device has instead, when it lacks `precision`.
absl::Status CheckPrecision(v1::Precision precision, const DeviceIdentity& device, std::string_view cuda_version);

}  // namespace rsg::trainer
