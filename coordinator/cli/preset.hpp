// Sweeps that have a name. Pure; thread-safe.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/cli/sweep_expression.hpp"

namespace rsg::cli {

/// "original".
std::vector<std::string> PresetNames();

/// The fields of a preset, with those in `given` in their place. "original" is the whole matrix of the original
/// benchmark. INVALID_ARGUMENT for an unknown name, and when the preset's own models are wanted but this version lacks
/// one of them.
absl::StatusOr<SweepFields> ApplyPreset(std::string_view name, const SweepFields& given);

}  // namespace rsg::cli
