// Lists of numbers as sweep expressions write them. Pure; thread-safe; throws nothing.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace rsg::cli {

struct NumberRule {
  std::string_view field;  ///< for error texts: "bs"
  std::uint32_t min = 1;   ///< at least 1
  std::uint32_t max = 0xffffffff;
  std::size_t max_count = 256;  ///< more numbers than that are refused before they are made
};

/// A comma list of N, FIRST..LAST (doubles: 8..64 is 8,16,32,64) and FIRST..LAST+STEP (8..64+8), in the order written;
/// LAST itself is in only when it is hit. INVALID_ARGUMENT "field: value ...; remedy" on anything else, on a number
/// out of min..max, a range that runs downwards, a number that stands twice.
absl::StatusOr<std::vector<std::uint32_t>> ParseNumbers(std::string_view text, const NumberRule& rule);

/// The same for a single number.
absl::StatusOr<std::uint32_t> ParseNumber(std::string_view text, const NumberRule& rule);

/// The items of a comma list without the space around them; INVALID_ARGUMENT when one is empty or there are more than
/// 256.
absl::StatusOr<std::vector<std::string_view>> SplitList(std::string_view field, std::string_view text);

}  // namespace rsg::cli
