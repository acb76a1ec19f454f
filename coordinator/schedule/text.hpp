// Texts that come from agents and end up on terminals and in logs.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace rsg::schedule {

/// `text` as one line without control characters (they become '?', line ends become spaces), cut to at most `most`
/// bytes at a character's border.
std::string OneLine(std::string_view text, std::size_t most);

/// Whether `text` contains `part`, letters compared in any case (ASCII).
bool ContainsAnyCase(std::string_view text, std::string_view part);

}  // namespace rsg::schedule
