// Refusals of what a person wrote: INVALID_ARGUMENT that names field, value and remedy. Pure; thread-safe.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace rsg {

/// "field: what; remedy".
absl::Status Refuse(std::string_view field, std::string_view what, std::string_view remedy);

/// "field: 'word' is unknown; did you mean 'near'? Known: ..." or, when nothing is near, "...; use one of ...".
absl::Status RefuseWord(std::string_view field, std::string_view word, std::span<const std::string> known);

/// The same, of a list such as the vocabulary's (common/words.hpp, common/models.hpp): "fp32, fp16".
absl::Status RefuseWord(std::string_view field, std::string_view word, const std::string& known);

/// `text` in quotes, shortened to 40 columns, safe to print.
std::string Quote(std::string_view text);

/// "a, b, c".
std::string Listed(std::span<const std::string> words);

}  // namespace rsg
