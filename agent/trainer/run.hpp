// The verb `run`: one cell on one device, from the first tensor to the outcome.
#pragma once
#include "agent/trainer/command_line.hpp"

namespace rsg::trainer {

/// Trains what `line` asks for, reports on the terminal and on --json-lines, and returns the exit code. Takes SIGINT
/// and SIGTERM over for the process (a second one ends it at once) and ignores SIGPIPE. Call once.
int RunTraining(const CommandLine& line);

}  // namespace rsg::trainer
