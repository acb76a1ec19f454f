// "did you mean": the known word nearest to a mistyped one. Pure; thread-safe.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace rsg {

/// The word of `known` that the fewest insertions, deletions, replacements and swaps of neighbours turn `word` into,
/// whatever the case; the first of equals. When none is near (more than a third of the longer word differs), the first
/// that begins with `word`, if that has 4 bytes or more. Empty when there is none, or `word` is longer than 64 bytes.
std::string Nearest(std::string_view word, std::span<const std::string> known);

}  // namespace rsg
