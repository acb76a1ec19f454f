#include "coordinator/wandb/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/files.hpp"

namespace rsg::wandb {
namespace {

constexpr std::size_t kMostKey = 256;

absl::Status CheckBaseUrl(const std::string& url) {
  const bool http = url.starts_with("http://") || url.starts_with("https://");
  const bool plain = std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (http && plain && !HostOf(url).empty() && url.find('@') == std::string::npos && url.find('?') == std::string::npos)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      "WANDB_BASE_URL: it is no address; write it like https://api.wandb.ai, or unset it for that one");
}

// As W&B takes them.
absl::Status CheckName(std::string_view field, const std::string& name) {
  const bool taken = name.size() <= 128 && std::none_of(name.begin(), name.end(), [](unsigned char c) {
                       return c < 0x20 || c == 0x7F || std::string_view("/\\#?%:").find(char(c)) != std::string::npos;
                     });
  if (taken) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: W&B takes no such name; use at most 128 characters, none of / \\ # ? % :", field));
}

absl::Status CheckKey(const std::string& source, const std::string& key) {
  const bool plain = std::all_of(key.begin(), key.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (plain && key.size() <= kMostKey) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: this is no key; copy the one that https://wandb.ai/authorize shows, alone on one line", source));
}

std::optional<std::filesystem::path> NetrcPath(const Environment& environment) {
  if (const auto path = environment("NETRC")) return *path;
  if (const auto home = environment("HOME")) return std::filesystem::path(*home) / ".netrc";
  return std::nullopt;
}

// Empty when there is none.
absl::StatusOr<std::string> KeyFromNetrc(const std::filesystem::path& path, const std::string& base_url) {
  const auto text = ReadFile(path);
  if (!text.ok()) return std::string();
  const auto found = NetrcPassword(*text, HostOf(base_url));
  if (!found) return std::string();
  const auto secret = ReadSecretFile(path);  // says how to mend one that others can read
  if (!secret.ok()) return secret.status();
  return *found;
}

// Sets key and source.
absl::Status FindKey(const Environment& environment, const std::filesystem::path& state_folder, Settings* settings) {
  const std::filesystem::path file = state_folder / "wandb-key";
  const auto netrc = NetrcPath(environment);
  if (const auto key = environment("WANDB_API_KEY")) {
    settings->key = *key;
    settings->source = "WANDB_API_KEY";
  } else if (netrc) {
    auto found = KeyFromNetrc(*netrc, settings->base_url);
    if (!found.ok()) return found.status();
    settings->key = *std::move(found);
    settings->source = netrc->string();
  }
  if (settings->key.empty()) {
    const auto text = ReadSecretFile(file);
    if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
    if (text.ok()) settings->key = *text;
    settings->source = text.ok() ? file.string() : "";
  }
  settings->key = std::string(absl::StripAsciiWhitespace(settings->key));
  return CheckKey(settings->source, settings->key);
}

}  // namespace

absl::Status CheckTarget(const schedule::WandbTarget& target, std::string_view entity_field,
                         std::string_view project_field) {
  absl::Status checked = CheckName(entity_field, target.entity);
  checked.Update(CheckName(project_field, target.project));
  return checked;
}

std::string HostOf(std::string_view base_url) {
  const std::size_t scheme = base_url.find("://");
  if (scheme != std::string_view::npos) base_url.remove_prefix(scheme + 3);
  base_url = base_url.substr(0, base_url.find('/'));
  if (base_url.starts_with('[')) return std::string(base_url.substr(0, base_url.find(']') + 1));
  return std::string(base_url.substr(0, base_url.find(':')));
}

std::optional<std::string> NetrcPassword(std::string_view netrc, std::string_view machine) {
  bool ours = false;
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(netrc.data(), netrc.size()), absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "default") ours = false;
    if (i + 1 >= words.size()) break;
    if (words[i] == "machine")
      ours = words[++i] == machine;
    else if (words[i] == "login" || words[i] == "account")
      ++i;
    else if (words[i] == "password" && ours)
      return words[i + 1];
    else if (words[i] == "password")
      ++i;
  }
  return std::nullopt;
}

absl::StatusOr<Settings> LoadSettings(const Environment& environment, const std::filesystem::path& state_folder) {
  Settings settings;
  if (const auto url = environment("WANDB_BASE_URL")) settings.base_url = *url;
  while (settings.base_url.ends_with('/')) settings.base_url.pop_back();
  if (auto checked = CheckBaseUrl(settings.base_url); !checked.ok()) return checked;
  if (const auto entity = environment("WANDB_ENTITY")) settings.target.entity = *entity;
  if (const auto project = environment("WANDB_PROJECT")) settings.target.project = *project;
  if (auto checked = CheckTarget(settings.target, "WANDB_ENTITY", "WANDB_PROJECT"); !checked.ok()) return checked;

  if (const auto mode = environment("WANDB_MODE"); mode == "offline" || mode == "disabled" || mode == "dryrun") {
    settings.source = fmt::format("WANDB_MODE={}", *mode);
    return settings;
  }
  if (auto found = FindKey(environment, state_folder, &settings); !found.ok()) return found;
  settings.key_again = [environment, state_folder, url = settings.base_url]() -> absl::StatusOr<std::string> {
    Settings again;
    again.base_url = url;
    if (auto found = FindKey(environment, state_folder, &again); !found.ok()) return found;
    return again.key;
  };
  return settings;
}

}  // namespace rsg::wandb
