#include "coordinator/cli/config.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "common/files.hpp"
#include "common/refusal.hpp"
#include "coordinator/cli/yaml_map.hpp"

namespace rsg::cli {
namespace {

struct Key {
  const char* name;
  std::optional<std::string> Config::*member;
};

constexpr std::array kKeys{Key{"operator_file", &Config::operator_file}, Key{"output", &Config::output},
                           Key{"color", &Config::color}, Key{"agent_program", &Config::agent_program}};

void ExpandHome(const Environment& environment, std::optional<std::string>* path) {
  const auto home = environment("HOME");
  if (path->has_value() && home && (*path)->starts_with("~/")) *path = *home + (*path)->substr(1);
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view yaml, std::string_view source) {
  const auto entries = ReadYamlMap(yaml, source);
  if (!entries.ok()) return entries.status();
  Config config;
  for (const YamlEntry& entry : *entries) {
    const Key* found = nullptr;
    for (const Key& key : kKeys)
      if (entry.key == key.name) found = &key;
    if (found == nullptr) {
      std::vector<std::string> names;
      for (const Key& key : kKeys) names.emplace_back(key.name);
      return RefuseWord(fmt::format("{}:{}", source, entry.line), entry.key, names);
    }
    config.*(found->member) = entry.value;
  }
  return config;
}

std::optional<std::string> ProcessEnvironment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::filesystem::path ConfigPath(const Environment& environment) {
  // The XDG specification: a relative path is to be ignored.
  if (const auto xdg = environment("XDG_CONFIG_HOME"); xdg && xdg->front() == '/')
    return std::filesystem::path(*xdg) / "rsg" / "config.yaml";
  return std::filesystem::path(environment("HOME").value_or("/")) / ".config" / "rsg" / "config.yaml";
}

absl::StatusOr<Config> LoadConfig(const Environment& environment) {
  const auto path = ConfigPath(environment);
  const auto text = ReadFile(path, 64 << 10);
  if (absl::IsNotFound(text.status())) return Config{};
  if (!text.ok()) return text.status();
  auto config = ParseConfig(*text, path.string());
  if (!config.ok()) return config;
  ExpandHome(environment, &config->operator_file);
  ExpandHome(environment, &config->agent_program);
  return config;
}

}  // namespace rsg::cli
