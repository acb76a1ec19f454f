#include "common/duration.hpp"

#include <array>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rsg {
namespace {

struct Unit {
  double seconds;
  const char* name;
};
constexpr std::array kUnits{Unit{86400, "d"}, Unit{3600, "h"}, Unit{60, "min"}, Unit{1, "s"}};

double UnitSeconds(char letter) {
  switch (letter) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

}  // namespace

absl::StatusOr<double> ParseDuration(std::string_view text) {
  const absl::Status wrong = absl::InvalidArgumentError(absl::StrCat(
      "'", std::string(text), "' is no duration; write a number with s, m, h or d, such as 30s, 1.5m or 2h"));
  std::string number(text);
  double scale = 1;
  if (!number.empty() && UnitSeconds(number.back()) > 0) {
    scale = UnitSeconds(number.back());
    number.pop_back();
  }
  double value = 0;
  // SimpleAtod would take "nan", "inf" and hexadecimal too; digits, point and exponent are all a duration needs.
  if (number.empty() || number.find_first_not_of("0123456789.eE+-") != std::string::npos ||
      !absl::SimpleAtod(number, &value) || !std::isfinite(value * scale) || value < 0)
    return wrong;
  return value * scale;
}

std::string FormatDuration(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 0) seconds = 0;
  if (seconds < 0.9995) return absl::StrFormat("%.0f ms", seconds * 1000);
  if (seconds < 9.95) return absl::StrFormat("%.1f s", seconds);
  double rest = std::round(seconds);
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (rest < kUnits[i].seconds) continue;
    const double whole = std::floor(rest / kUnits[i].seconds);
    std::string text = absl::StrFormat("%.0f %s", whole, kUnits[i].name);
    if (i + 1 < kUnits.size()) {
      const double part = std::floor((rest - whole * kUnits[i].seconds) / kUnits[i + 1].seconds);
      if (part > 0) absl::StrAppendFormat(&text, " %.0f %s", part, kUnits[i + 1].name);
    }
    return text;
  }
  return "0 s";
}

}  // namespace rsg
