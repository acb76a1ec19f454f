#include "common/percent.hpp"

#include <cmath>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rsg {

absl::StatusOr<double> ParsePercent(std::string_view text) {
  std::string number(text);
  if (!number.empty() && number.back() == '%') number.pop_back();
  while (!number.empty() && number.back() == ' ') number.pop_back();
  double value = 0;
  // SimpleAtod would take "nan", "inf" and hexadecimal too.
  if (number.empty() || number.find_first_not_of("0123456789.eE+-") != std::string::npos ||
      !absl::SimpleAtod(number, &value) || !std::isfinite(value) || value < 0)
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(text), "' is no percentage; write a number such as 0.5 or 0.5%"));
  return value / 100;
}

}  // namespace rsg
