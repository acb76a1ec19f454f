// Shares as people write them.
#pragma once
#include <string_view>

#include "absl/status/statusor.h"

namespace rsg {

/// The share of "0.5" or "0.5%": 0.005. A number is always a percentage. INVALID_ARGUMENT on anything else, negative or
/// not finite.
absl::StatusOr<double> ParsePercent(std::string_view text);

/// What ± means wherever a throughput is shown or judged: half the width of its interval, from `low` to `high`, as a
/// share of it. `throughput` > 0.
inline double HalfWidth(double throughput, double low, double high) { return (high - low) / 2 / throughput; }

}  // namespace rsg
