#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace rsg {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;  // 1 when not valid: the bad byte
  bool valid = false;
};

struct Range {
  char32_t first;
  char32_t last;
};

// Blocks that take no column and blocks that take two, by UAX #11 and the general categories Mn and Cf; whole blocks
// suffice for names of devices, machines and sweeps.
constexpr std::array kZeroWidth{
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD}, Range{0x0610, 0x061A}, Range{0x064B, 0x065F},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}};
constexpr std::array kDoubleWidth{Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
                                  Range{0xA960, 0xA97F},   Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},
                                  Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},
                                  Range{0x1F300, 0x1F64F}, Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1F9FF},
                                  Range{0x20000, 0x3FFFD}};

// Controls of both sets, and the invisible ones that reorder or hide text.
constexpr std::array kUnsafe{Range{0x0000, 0x001F}, Range{0x007F, 0x009F}, Range{0x200B, 0x200F},
                             Range{0x2028, 0x202E}, Range{0x2060, 0x206F}, Range{0xFEFF, 0xFEFF}};

template <std::size_t size>
bool In(const std::array<Range, size>& ranges, char32_t value) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [value](const Range& r) { return value >= r.first && value <= r.last; });
}

CodePoint Decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, length, true};
}

int Width(char32_t value) {
  if (In(kZeroWidth, value)) return 0;
  return In(kDoubleWidth, value) ? 2 : 1;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    if (!point.valid) return false;
    text.remove_prefix(point.bytes);
  }
  return true;
}

std::string Printable(std::string_view text, bool unicode) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    const bool shown = point.valid && !In(kUnsafe, point.value) && (unicode || point.value < 0x80);
    if (shown)
      out.append(text.substr(0, point.bytes));
    else
      out.push_back('?');
    text.remove_prefix(point.bytes);
  }
  return out;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    width += point.valid ? Width(point.value) : 1;
    text.remove_prefix(point.bytes);
  }
  return width;
}

std::string Fit(std::string_view text, int width, bool unicode) {
  if (DisplayWidth(text) <= width) return std::string(text);
  const std::string_view ellipsis = unicode ? "\u2026" : "~";
  if (width < 1) return "";
  std::string out;
  int used = 0;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    const int more = point.valid ? Width(point.value) : 1;
    if (used + more > width - 1) break;
    out.append(text.substr(0, point.bytes));
    used += more;
    text.remove_prefix(point.bytes);
  }
  return out.append(ellipsis);
}

}  // namespace rsg
