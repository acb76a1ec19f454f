// The command line of verb `check`.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/trainer/command_line.hpp"

namespace CLI {
class App;
}

namespace rsg::trainer {

/// Options as they are written.
struct CheckWords {
  std::string model;
  std::uint32_t batch_size = 2;
  std::optional<std::uint32_t> image_size;
  std::uint64_t seed = 0;
};

/// Declares the options and the help text of `check`; `words` must outlive the parsing.
void AddCheckOptions(CLI::App* check, CheckWords* words);

/// Checks them and sets `line`'s cell and seed. The error names field, value and remedy.
absl::Status FillCheck(const CheckWords& words, CommandLine* line);

}  // namespace rsg::trainer
