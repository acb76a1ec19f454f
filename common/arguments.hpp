// What is wrong with a command line, for people: names the option, the value and the remedy. CLI11's own words do not.
#pragma once
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "common/refusal.hpp"

namespace rsg {

/// "'--precison' is no option of 'rsg-trainer run'; did you mean '--precision'?" and a second line that names the help.
/// `error`: of the parsing of `app` that has just failed.
std::string ExplainMistake(const CLI::App& app, const CLI::ParseError& error);

/// Takes numbers from `least` to `most`, in place of CLI::Range: "--limit: '0' is not taken; use 1 to 1000".
template <typename Number>
CLI::Validator Within(Number least, Number most) {
  return CLI::Validator(
      [least, most](std::string& text) {
        Number value{};
        if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most) return std::string();
        return fmt::format("{} is not taken; use {} to {}", Quote(text), least, most);
      },
      "");
}

}  // namespace rsg
