// From argv to the verb that runs.
#pragma once
#include <optional>

#include <CLI/CLI.hpp>

namespace rsg::cli {

/// Parses and runs the verb's callback. An exit code when no verb ran: kDone after help and version (on standard
/// output), kUsage after a mistake, which is explained on standard error with the nearest known word.
std::optional<int> ParseArguments(CLI::App& app, int argc, const char* const* argv);

}  // namespace rsg::cli
