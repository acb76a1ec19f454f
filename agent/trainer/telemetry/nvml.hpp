// NVIDIA's management library as a reader of one GPU, loaded at run time: a machine without it lacks readings, nothing
// else. Its functions are declared by ourselves, for nvml.h is not among the files that building needs.
#pragma once
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/trainer/telemetry/reader.hpp"

namespace rsg::trainer {

/// Loads `library` and finds the GPU with this UUID ("GPU-..."). A query that the library lacks or that the GPU does
/// not support leaves its field absent for good, one that fails does so for that moment. NOT_FOUND: no such library,
/// or no such GPU in it. UNAVAILABLE: it does not start, e.g. since the driver is of another version.
absl::StatusOr<std::unique_ptr<Reader>> OpenNvml(const std::string& library, const std::string& uuid);

}  // namespace rsg::trainer
