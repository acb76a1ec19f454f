// The command line and environment of rsg-agent.
#pragma once
#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/join.hpp"

namespace rsg::agent {

struct Options {
  std::optional<JoinLine> join;
  std::filesystem::path state_folder;
  std::string name;
  std::string trainer;  ///< path; empty: looked for
  std::string log_level = "info";
  std::string log_format = "text";
  double drain_limit_seconds = std::numeric_limits<double>::infinity();
};

/// What to do instead of running: print `text` (help, version, what is wrong) and end with `code`.
struct EarlyExit {
  int code = 0;
  std::string text;
};

/// Reads both; the join line is taken out of the environment, so that neither a child nor /proc shows it.
std::optional<EarlyExit> ReadOptions(int argc, char** argv, Options* options);

}  // namespace rsg::agent
