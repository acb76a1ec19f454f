// What a stranger answers, to be looked into and to be quoted. For wire.cpp and judge.cpp.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace rsg::wandb {

/// Sorted: a key of an object in order is searched for among all before it, and an answer may have half a million.
using AnswerJson = nlohmann::json;

/// Discarded (is_discarded) when `text` is no JSON, or nested deeper than anything of W&B's: what is parsed is copied
/// and written by recursion, and 4 MiB of brackets would overflow the stack.
AnswerJson ParseAnswer(std::string_view text);

/// For logs, database and terminal: one line of printable ASCII, at most `most` bytes.
std::string Quoted(std::string_view text, std::size_t most);

}  // namespace rsg::wandb
