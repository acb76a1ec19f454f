// A command line as the trainer takes it, and what it printed.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "agent/trainer/command_line.hpp"

namespace rsg::trainer {

struct Parsed {
  std::variant<CommandLine, int> result;
  std::string out;
  std::string err;
  const CommandLine& line() const { return std::get<CommandLine>(result); }
  int code() const { return std::holds_alternative<int>(result) ? std::get<int>(result) : -1; }
};

inline Parsed Parse(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"rsg-trainer"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Parsed parsed{.result = ParseCommandLine(static_cast<int>(argv.size()), argv.data()), .out = "", .err = ""};
  parsed.out = testing::internal::GetCapturedStdout();
  parsed.err = testing::internal::GetCapturedStderr();
  return parsed;
}

}  // namespace rsg::trainer
