// The operator's configuration: flags over environment over ~/.config/rsg/config.yaml.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace rsg::cli {

/// What the file can say; each key is the member's name.
struct Config {
  std::optional<std::string> operator_file;  ///< file with the operator's line
  std::optional<std::string> output;         ///< table, json or csv
  std::optional<std::string> color;          ///< auto, always or never
  std::optional<std::string> agent_program;  ///< rsg-agent for `rsg bench`
};

/// Pure. INVALID_ARGUMENT "SOURCE:LINE: ..." for bad YAML and unknown keys.
absl::StatusOr<Config> ParseConfig(std::string_view yaml, std::string_view source);

/// A variable of the environment, or nothing when it is unset or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> ProcessEnvironment(const char* name);

/// $XDG_CONFIG_HOME/rsg/config.yaml or ~/.config/rsg/config.yaml.
std::filesystem::path ConfigPath(const Environment& environment);

/// The file's content, an empty Config when there is no file; "~/" at the start of a path is the home folder.
absl::StatusOr<Config> LoadConfig(const Environment& environment = ProcessEnvironment);

}  // namespace rsg::cli
