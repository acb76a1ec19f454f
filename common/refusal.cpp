#include "common/refusal.hpp"

#include <fmt/format.h>

#include <vector>

#include "absl/strings/str_split.h"
#include "common/suggest.hpp"
#include "common/text.hpp"

namespace rsg {

absl::Status Refuse(std::string_view field, std::string_view what, std::string_view remedy) {
  return absl::InvalidArgumentError(fmt::format("{}: {}; {}", field, what, remedy));
}

absl::Status RefuseWord(std::string_view field, std::string_view word, std::span<const std::string> known) {
  const std::string nearest = Nearest(word, known);
  const std::string remedy = nearest.empty() ? fmt::format("use one of {}", Listed(known))
                                             : fmt::format("did you mean '{}'? Known: {}", nearest, Listed(known));
  return Refuse(field, fmt::format("{} is unknown", Quote(word)), remedy);
}

absl::Status RefuseWord(std::string_view field, std::string_view word, const std::string& known) {
  const std::vector<std::string> words = absl::StrSplit(known, ", ");
  return RefuseWord(field, word, words);
}

std::string Quote(std::string_view text) {
  return fmt::format("'{}'", Fit(Printable(text.substr(0, 200), true), 40, true));
}

std::string Listed(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

}  // namespace rsg
