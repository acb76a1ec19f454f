// Completion scripts for shells, made from the tree of commands. Pure.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace rsg::cli {

enum class Shell { kBash, kZsh, kFish };
std::optional<Shell> ParseShell(std::string_view word);

/// Words that may follow an option, by its long name with dashes: {"--precision", {"fp32", ...}}; of a positional by
/// its name. Where an option may stand more than once, several words with commas between, too.
using OptionWords = std::map<std::string, std::vector<std::string>>;

/// The script for `root` and all its subcommands. Values whose type name is FILE or FOLDER complete these.
std::string CompletionScript(const CLI::App& root, Shell shell, const OptionWords& words);

}  // namespace rsg::cli
