// Where a coordinator keeps its state.
#pragma once
#include <filesystem>
#include <string>

#include "common/files.hpp"
#include "coordinator/cli/config.hpp"

namespace rsg::cli {

/// `flag`, else $RSG_STATE, else the default.
inline std::filesystem::path CoordinatorState(const std::string& flag) {
  if (!flag.empty()) return flag;
  if (const auto state = ProcessEnvironment("RSG_STATE")) return *state;
  return DefaultStateRoot() / "coordinator";
}

}  // namespace rsg::cli
