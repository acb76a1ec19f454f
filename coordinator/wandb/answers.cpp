#include "coordinator/wandb/answers.hpp"

#include "coordinator/schedule/text.hpp"

namespace rsg::wandb {
namespace {

constexpr std::size_t kMostDepth = 256;

// Right up to where the text stops being JSON, and there the parser stops, too.
bool IsTooDeep(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      if (c == '\\') ++i;
    } else if (c == '[' || c == '{') {
      if (++depth > kMostDepth) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

AnswerJson ParseAnswer(std::string_view text) {
  if (IsTooDeep(text)) return AnswerJson(AnswerJson::value_t::discarded);
  return AnswerJson::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string Quoted(std::string_view text, std::size_t most) {
  std::string line = schedule::OneLine(text, most);
  for (char& letter : line)
    if (static_cast<unsigned char>(letter) >= 0x80) letter = '?';
  return line;
}

}  // namespace rsg::wandb
