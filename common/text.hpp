// Text as a terminal shows it: UTF-8, column widths, nothing that could steer the terminal. Pure; thread-safe.
#pragma once
#include <string>
#include <string_view>

namespace rsg {

/// Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates), as protobuf demands of a string.
bool IsUtf8(std::string_view text);

/// `text` fit for one line of a terminal: control characters and what is no UTF-8 become '?'; without `unicode`, so
/// does everything outside ASCII.
std::string Printable(std::string_view text, bool unicode);

/// Columns that a printable `text` takes: wide East Asian characters and emoji two, combining marks none.
int DisplayWidth(std::string_view text);

/// A printable `text` cut to at most `width` columns, ending in an ellipsis when something was cut.
std::string Fit(std::string_view text, int width, bool unicode);

}  // namespace rsg
