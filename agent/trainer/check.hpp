// The verb `check`: what a model computes, for comparing with another implementation.
#pragma once
#include "agent/trainer/command_line.hpp"

namespace rsg::trainer {

/// Prints the figures of one step (check/check.hpp) as a line of JSON and returns the exit code.
int ShowCheck(const CommandLine& line);

}  // namespace rsg::trainer
