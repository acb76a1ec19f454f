#include "coordinator/schedule/text.hpp"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace rsg::schedule {

std::string OneLine(std::string_view text, std::size_t most) {
  std::size_t size = std::min(text.size(), most);
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  std::string line(text.substr(0, size));
  for (char& letter : line) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '\n' || letter == '\r' || letter == '\t')
      letter = ' ';
    else if (code < 0x20 || code == 0x7F)
      letter = '?';
  }
  return line;
}

bool ContainsAnyCase(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) == absl::ascii_tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

}  // namespace rsg::schedule
