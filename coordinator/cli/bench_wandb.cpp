#include "coordinator/cli/bench_wandb.hpp"

#include <fmt/format.h>

#include "common/clock.hpp"
#include "coordinator/cli/config.hpp"
#include "coordinator/cli/output.hpp"

namespace rsg::cli {
namespace {

constexpr double kPatienceSeconds = 120;
constexpr const char* kKept = "; the results are kept and sent by the next 'rsg bench --wnb' on this state folder";

std::string Trouble(const v1::ShowWandbResponse& wandb) {
  return wandb.last_error().empty() ? "it takes its time" : wandb.last_error();
}

}  // namespace

void BenchWandbFlags::AddTo(CLI::App& app) {
  constexpr const char* kGroup = "Weights & Biases";
  auto* wnb = app.add_flag("--wnb", on, "Results go to W&B, too")->group(kGroup);
  app.add_option("--wnb_run", run, "What the run is called there; default: by what it measures")
      ->type_name("NAME")
      ->check(CLI::Validator([](std::string& name) { return name.size() > 128 ? "at most 128 bytes" : ""; }, ""))
      ->needs(wnb)
      ->group(kGroup);
  app.add_option("--wnb_project", project, "Default: $WANDB_PROJECT, else ready-steady-go")
      ->type_name("NAME")
      ->needs(wnb)
      ->group(kGroup);
  app.add_option("--wnb_entity", entity, "User or team; default: $WANDB_ENTITY, else the key's own")
      ->type_name("NAME")
      ->needs(wnb)
      ->group(kGroup);
}

absl::StatusOr<wandb::Settings> WandbSettings(const BenchWandbFlags& flags, const std::filesystem::path& state) {
  if (!flags.on) return wandb::Settings();
  auto settings = wandb::LoadSettings(ProcessEnvironment, state);
  if (!settings.ok()) return settings;
  if (settings->key.empty())
    return absl::InvalidArgumentError(fmt::format(
        "wnb: there is no key{}; set WANDB_API_KEY, add an entry for {} to ~/.netrc, or write the key to {} (0600)",
        settings->source.empty() ? "" : " (" + settings->source + ")", wandb::HostOf(settings->base_url),
        (state / "wandb-key").string()));
  if (!flags.project.empty()) settings->target.project = flags.project;
  if (!flags.entity.empty()) settings->target.entity = flags.entity;
  if (auto checked = wandb::CheckTarget(settings->target, "wnb_entity", "wnb_project"); !checked.ok()) return checked;
  // What does not arrive now goes to the same place later, whatever the next run is told.
  settings->fixed = settings->target;
  return settings;
}

absl::Status WaitForWandb(Client* client, const std::string& sweep_id, const Interrupts& interrupts) {
  // What an earlier one has left stuck was said to come with this one.
  v1::ReviseWandbRequest again;
  again.set_action(v1::WANDB_ACTION_RETRY);
  if (const auto revised = client->Call(&v1::Control::Stub::ReviseWandb, again); !revised.ok()) return revised.status();
  const double deadline = SystemClock().Monotonic() + kPatienceSeconds;
  const int before = interrupts.count();
  bool said = false;
  while (true) {
    v1::ShowWandbRequest request;
    request.set_sweep_id(sweep_id);
    const auto wandb = client->Call(&v1::Control::Stub::ShowWandb, request);
    if (!wandb.ok()) return wandb.status();
    const std::uint32_t left = wandb->open() + wandb->sending();
    if (wandb->stuck() > 0)
      return absl::UnavailableError(
          fmt::format("W&B refuses {} of the results: {}{}", wandb->stuck(), wandb->stuck_error(), kKept));
    if (left == 0) {
      Say(fmt::format("{} run{} in W&B, project {}", wandb->done(), wandb->done() == 1 ? " stands" : "s stand",
                      wandb->project()));
      return absl::OkStatus();
    }
    if (wandb->paused()) return absl::UnavailableError(fmt::format("not in W&B: {}{}", wandb->last_error(), kKept));
    if (SystemClock().Monotonic() >= deadline)
      return absl::DeadlineExceededError(fmt::format("{} of the results are not in W&B after {:.0f} s: {}{}", left,
                                                     kPatienceSeconds, Trouble(*wandb), kKept));
    if (interrupts.count() > before)
      return absl::CancelledError(fmt::format("interrupted; {} of the results are not in W&B yet{}", left, kKept));
    if (!std::exchange(said, true)) Say("sending the results to W&B");
    WaitReadable({interrupts.fd()}, 0.2);
  }
}

}  // namespace rsg::cli
