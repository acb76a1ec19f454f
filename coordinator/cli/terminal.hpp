// What the terminal behind a stream can show.
#pragma once
#include <optional>
#include <string>

#include "coordinator/cli/config.hpp"

namespace rsg::cli {

/// How text for people is drawn.
struct Style {
  int width = 0;        ///< columns of the terminal; 0: unlimited, as in a pipe or a file
  int height = 0;       ///< rows; 0: unlimited
  bool color = false;   ///< ANSI colours
  bool unicode = true;  ///< false: ASCII alone
  bool live = false;    ///< a terminal that can be drawn on in place
};

/// Words that `color` settings may have: auto, always, never.
enum class ColorChoice { kAuto, kAlways, kNever };
std::optional<ColorChoice> ParseColorChoice(std::string_view word);

/// The style for the descriptor as it is now (ask again after a resize). Colours by `choice`, and with kAuto on a
/// terminal unless NO_COLOR is set or TERM is dumb; UTF-8 by LC_ALL, LC_CTYPE, LANG.
Style StyleOf(int fd, ColorChoice choice, const Environment& environment = ProcessEnvironment);

/// `text` in a colour when the style has colours.
enum class Ink { kGood, kWarn, kBad, kDim, kBold };
std::string Inked(const Style& style, Ink ink, std::string_view text);

}  // namespace rsg::cli
