// `rsg bench --wnb`: the flags of the tool that RSG succeeds, and waiting until results stand in W&B.
#pragma once
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/interrupt.hpp"
#include "coordinator/wandb/settings.hpp"

namespace rsg::cli {

struct BenchWandbFlags {
  bool on = false;
  std::string run;
  std::string project;
  std::string entity;

  /// It outlives the parsing.
  void AddTo(CLI::App& app);
};

/// Without --wnb settings without a key. INVALID_ARGUMENT when there is no key, or for names that W&B does not take.
absl::StatusOr<wandb::Settings> WandbSettings(const BenchWandbFlags& flags, const std::filesystem::path& state);

/// Until all runs of the sweep stand in W&B, at most two minutes. The error says what is missing and that it is kept.
absl::Status WaitForWandb(Client* client, const std::string& sweep_id, const Interrupts& interrupts);

}  // namespace rsg::cli
