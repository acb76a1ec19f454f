// Durations as people write them.
#pragma once
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace rsg {

/// Seconds of "30", "30s", "1.5m", "2h", "7d". INVALID_ARGUMENT on anything else, negative or not finite.
absl::StatusOr<double> ParseDuration(std::string_view text);

/// "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h": two units at most.
std::string FormatDuration(double seconds);

}  // namespace rsg
