// Text that came from outside, made fit for a proto3 string and for a terminal. Pure.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace rsg::agent {

/// `text` as valid UTF-8 without control characters other than newline and tab; what is not becomes "?".
std::string CleanText(std::string_view text);

/// The first `max_bytes` of the cleaned text, cut between characters.
std::string CleanHead(std::string_view text, std::size_t max_bytes);

/// The last `max_bytes` of the cleaned text, cut between characters.
std::string CleanTail(std::string_view text, std::size_t max_bytes);

/// The first `max_bytes` of the cleaned text on one line.
std::string OneLine(std::string_view text, std::size_t max_bytes);

/// "SIGKILL (9)"
std::string SignalName(int signal);

}  // namespace rsg::agent
