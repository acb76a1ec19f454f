// Whether results go to W&B, and where: the environment variables of W&B's own client, its netrc entry, a file.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"

namespace rsg::wandb {

struct Settings {
  std::string base_url = "https://api.wandb.ai";  ///< without a slash at the end
  schedule::WandbTarget target{.entity = "", .project = "ready-steady-go"};
  /// Written down with new runs: where they go whatever the settings are when they are sent. Empty: it is left open.
  schedule::WandbTarget fixed;
  std::string key;  ///< secret; empty: nothing is sent
  /// Looks for the key once more, in the files as they are by then; null: there is nowhere to look. Any thread, and as
  /// long as the environment lives.
  std::function<absl::StatusOr<std::string>()> key_again;
  std::string source;  ///< where the key was found, or why it is not looked for; for people
};

/// A variable of the environment, or nothing when it is unset or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// WANDB_BASE_URL, WANDB_ENTITY, WANDB_PROJECT; the key from WANDB_API_KEY, else the entry of the base URL's host in
/// $NETRC or ~/.netrc, else the file `wandb-key` in the state folder, both of which only their owner may read.
/// WANDB_MODE=offline or disabled: no key. INVALID_ARGUMENT for a value that cannot be, never with the key in its text.
absl::StatusOr<Settings> LoadSettings(const Environment& environment, const std::filesystem::path& state_folder);

/// INVALID_ARGUMENT when W&B takes no such names; the fields are called so.
absl::Status CheckTarget(const schedule::WandbTarget& target, std::string_view entity_field,
                         std::string_view project_field);

/// The password of a machine in a netrc file; nothing when it has no entry. Pure.
std::optional<std::string> NetrcPassword(std::string_view netrc, std::string_view machine);

/// "api.wandb.ai" of "https://api.wandb.ai:443/x". Pure.
std::string HostOf(std::string_view base_url);

}  // namespace rsg::wandb
