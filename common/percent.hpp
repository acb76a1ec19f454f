// Shares as people write them.
#pragma once
#include <string_view>

#include "absl/status/statusor.h"

namespace rsg {

/// The share of "0.5" or "0.5%": 0.005. A number is always a percentage. INVALID_ARGUMENT on anything else, negative or
/// not finite.
absl::StatusOr<double> ParsePercent(std::string_view text);

}  // namespace rsg
