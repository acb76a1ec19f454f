#include "agent/protocol/text.hpp"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace rsg::agent {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

/// Length of the well-formed UTF-8 character at the start of `text`, or 0.
std::size_t CharacterLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead < 0xE0   ? 2
                             : (lead & 0xF0) == 0xE0       ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

std::string CleanText(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool control = first == 0x7F || (first < 0x20 && first != '\n' && first != '\t');
    // A progress bar's carriage return starts its line anew; for a log it ends one.
    if (first == '\r') {
      clean += text.size() > 1 && text[1] == '\n' ? "" : "\n";
    } else if (length == 0 || control) {
      clean += '?';
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

std::string CleanHead(std::string_view text, std::size_t max_bytes) {
  std::string clean = CleanText(text.substr(0, max_bytes + 4));
  if (clean.size() <= max_bytes) return clean;
  std::size_t end = max_bytes;
  while (end > 0 && IsContinuation(clean[end])) --end;
  clean.resize(end);
  return clean;
}

std::string CleanTail(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) text.remove_prefix(text.size() - max_bytes);
  while (!text.empty() && IsContinuation(text[0])) text.remove_prefix(1);
  return CleanText(text);
}

std::string OneLine(std::string_view text, std::size_t max_bytes) {
  std::string line = CleanHead(text, max_bytes);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? absl::StrCat("signal ", signal) : absl::StrCat("SIG", name, " (", signal, ")");
}

}  // namespace rsg::agent
