// `rsg agents token`.
#pragma once
#include <CLI/CLI.hpp>

namespace rsg::cli {

void AddAgentsToken(CLI::App& agents, int& exit_code);

}  // namespace rsg::cli
