#include "coordinator/cli/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace rsg::cli {
namespace {

bool SpeaksUtf8(const Environment& environment) {
  // POSIX: the first of these that is set and not empty decides.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const auto value = environment(name)) {
      const std::string lower = absl::AsciiStrToLower(*value);
      return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
    }
  return false;
}

}  // namespace

std::optional<ColorChoice> ParseColorChoice(std::string_view word) {
  if (word == "auto") return ColorChoice::kAuto;
  if (word == "always") return ColorChoice::kAlways;
  if (word == "never") return ColorChoice::kNever;
  return std::nullopt;
}

Style StyleOf(int fd, ColorChoice choice, const Environment& environment) {
  Style style;
  const bool terminal = isatty(fd) == 1;
  const bool dumb = environment("TERM").value_or("dumb") == "dumb";
  style.live = terminal && !dumb;
  style.color =
      choice == ColorChoice::kAlways || (choice == ColorChoice::kAuto && style.live && !environment("NO_COLOR"));
  // Files and pipes get the data as it is.
  style.unicode = !terminal || SpeaksUtf8(environment);
  winsize size{};
  if (terminal) {
    const bool known = ioctl(fd, TIOCGWINSZ, &size) == 0;
    style.width = known && size.ws_col > 0 ? size.ws_col : 80;
    style.height = known && size.ws_row > 0 ? size.ws_row : 24;
  }
  return style;
}

std::string Inked(const Style& style, Ink ink, std::string_view text) {
  if (!style.color || text.empty()) return std::string(text);
  const char* code = "";
  switch (ink) {
    case Ink::kGood:
      code = "32";
      break;
    case Ink::kWarn:
      code = "33";
      break;
    case Ink::kBad:
      code = "31";
      break;
    case Ink::kDim:
      code = "2";
      break;
    case Ink::kBold:
      code = "1";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace rsg::cli
