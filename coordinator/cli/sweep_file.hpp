// A sweep as a YAML file: the keys are the names of the flags, and "preset". Thread-safe.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/cli/sweep_expression.hpp"

namespace rsg::cli {

struct SweepFile {
  SweepFields fields;
  std::optional<std::string> preset;
};

/// Pure. INVALID_ARGUMENT "SOURCE:LINE: ..." for bad YAML and for unknown keys, with the nearest known one.
absl::StatusOr<SweepFile> ParseSweepFile(std::string_view yaml, std::string_view source);

/// Reads at most 64 KiB from the file, or from standard input for "-".
absl::StatusOr<SweepFile> ReadSweepFile(const std::string& path);

}  // namespace rsg::cli
