#include "coordinator/web/metrics.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <utility>

#include "common/version.hpp"
#include "coordinator/web/exposition.hpp"
#include "coordinator/web/process.hpp"

namespace rsg::web {
namespace {

constexpr double kFreshSeconds = 1;
constexpr std::chrono::seconds kCoreAnswers{2};
constexpr const char* kSlowed = "slowed";

struct Fleet {
  schedule::Overview overview;
  std::map<std::string, std::uint64_t> rejected;
};

// Nothing when the core refuses or does not answer in time; then it may still come to the action later.
std::optional<Fleet> AskCore(server::Core& core) {
  struct Answer {
    std::promise<bool> came;
    Fleet fleet;
  };
  const auto answer = std::make_shared<Answer>();
  auto came = answer->came.get_future();
  core.Post(
      [answer](schedule::Coordinator& coordinator, const schedule::Now&, schedule::Effects&) {
        answer->fleet = {.overview = coordinator.Look(), .rejected = coordinator.rejected()};
      },
      [answer](const absl::Status& status) { answer->came.set_value(status.ok()); });
  if (came.wait_for(kCoreAnswers) != std::future_status::ready || !came.get()) return std::nullopt;
  for (const auto& [reason, count] : core.refused()) answer->fleet.rejected[reason] += count;
  return std::move(answer->fleet);
}

void AddFleet(const Fleet& fleet, Exposition& out) {
  constexpr std::array kAgentStates{
      std::pair("idle", v1::AGENT_STATE_IDLE),         std::pair("busy", v1::AGENT_STATE_BUSY),
      std::pair("draining", v1::AGENT_STATE_DRAINING), std::pair("lost", v1::AGENT_STATE_LOST),
      std::pair("detached", v1::AGENT_STATE_DETACHED), std::pair("revoked", v1::AGENT_STATE_REVOKED)};
  out.Gauge("rsg_agents", "Enrolled agents by state.");
  for (const auto& [word, state] : kAgentStates) {
    const auto found = fleet.overview.agents.find(state);
    out.Sample(found == fleet.overview.agents.end() ? 0 : found->second, {{"state", word}});
  }
  const v1::JobCounts& jobs = fleet.overview.jobs;
  out.Gauge("rsg_jobs", "Jobs of the sweeps that have not ended, by state, or by outcome once the job has ended.");
  out.Sample(jobs.queued(), {{"state", "queued"}});
  out.Sample(jobs.running(), {{"state", "running"}});
  out.Sample(jobs.completed(), {{"state", "completed"}});
  out.Sample(jobs.out_of_memory(), {{"state", "out_of_memory"}});
  out.Sample(jobs.unsupported(), {{"state", "unsupported"}});
  out.Sample(jobs.failed(), {{"state", "failed"}});
  out.Sample(jobs.cancelled(), {{"state", "cancelled"}});
  out.Sample(jobs.skipped(), {{"state", "skipped"}});
  out.Gauge("rsg_sweeps_live", "Sweeps that have not ended.");
  out.Sample(static_cast<double>(fleet.overview.sweeps));
  out.Gauge("rsg_spooled_windows", "Windows that agents keep because they are not acknowledged, as they said last.");
  out.Sample(static_cast<double>(fleet.overview.spooled_windows));
  out.Counter("rsg_rejected_messages_total", "Messages of agents that were refused, by reason.");
  for (const auto& [reason, count] : fleet.rejected)
    if (reason != kSlowed) out.Sample(static_cast<double>(count), {{"reason", reason}});
  out.Counter("rsg_slowed_messages_total",
              "Messages that were taken, but were over their agent's quota: it is read late.");
  const auto slowed = fleet.rejected.find(kSlowed);
  out.Sample(slowed == fleet.rejected.end() ? 0 : static_cast<double>(slowed->second));
}

void AddCore(const server::Core& core, Exposition& out) {
  const server::CoreFigures& figures = core.figures();
  out.Gauge("rsg_storing", "1 while the coordinator can store, 0 from a failed commit until one succeeds.");
  out.Sample(figures.storing ? 1 : 0);
  out.Counter("rsg_failed_commits_total", "Transactions that could not be stored.");
  out.Sample(static_cast<double>(figures.failed_commits));
  out.Counter("rsg_windows_stored_total", "Windows of measurements that were stored.");
  out.Sample(static_cast<double>(figures.windows));
  out.Counter("rsg_jobs_ended_total", "Jobs that have ended, control jobs included.");
  out.Sample(static_cast<double>(figures.jobs_ended));
  out.Gauge("rsg_mailbox_events", "Events that wait for the coordinator's thread.");
  out.Sample(static_cast<double>(core.waiting()));
  out.Histogram("rsg_commit_duration_seconds", "Time that a transaction took.", figures.commits.Read());
  out.Histogram("rsg_ack_latency_seconds", "Time from a read batch of windows to its acknowledgement on the stream.",
                figures.acks.Read());
}

void AddOutbox(const store::OutboxCounts& counts, double now, Exposition& out) {
  out.Gauge("rsg_wandb_outbox_runs", "Runs that are not whole in Weights & Biases yet.");
  out.Sample(static_cast<double>(counts.unsent), {{"state", "unsent"}});
  out.Sample(static_cast<double>(counts.stuck), {{"state", "stuck"}});
  out.Gauge("rsg_wandb_outbox_lines", "Lines of history that Weights & Biases has not confirmed.");
  out.Sample(static_cast<double>(counts.unsent_lines));
  out.Gauge("rsg_wandb_outbox_age_seconds", "Since when the oldest run waits whose job has ended; 0 when none waits.");
  out.Sample(counts.oldest_unix ? std::max(0.0, now - *counts.oldest_unix) : 0);
}

void AddProcess(const ProcessFigures& process, Exposition& out) {
  out.Gauge("process_resident_memory_bytes", "Resident memory.");
  out.Sample(process.resident_bytes);
  out.Counter("process_cpu_seconds_total", "User and system time.");
  out.Sample(process.cpu_seconds);
  out.Gauge("process_open_fds", "Open file descriptors.");
  out.Sample(process.open_files);
  out.Gauge("process_max_fds", "Limit of open file descriptors.");
  out.Sample(process.most_files);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Metrics>> Metrics::Open(const std::filesystem::path& database, server::Core* core,
                                                       const Clock* clock) {
  auto outbox = store::OutboxReader::Open(database);
  if (!outbox.ok()) return outbox.status();
  return std::unique_ptr<Metrics>(new Metrics(core, clock, *std::move(outbox)));
}

std::string Metrics::Text() {
  const std::lock_guard lock(mutex_);
  const double now = clock_->Monotonic();
  if (text_.empty() || now - collected_ >= kFreshSeconds) {
    text_ = Collect();
    collected_ = now;
  }
  return text_;
}

std::string Metrics::Collect() {
  Exposition out;
  out.Gauge("rsg_build_info", "1, with the version as a label.");
  out.Sample(1, {{"version", kVersion}});
  // Asked first: when it has answered, all that came before has been counted.
  const auto fleet = AskCore(*core_);
  AddCore(*core_, out);
  if (fleet) AddFleet(*fleet, out);
  if (const auto counts = outbox_->Counts(std::nullopt, std::nullopt); counts.ok())
    AddOutbox(*counts, clock_->Unix(), out);
  if (const auto process = ReadProcess()) AddProcess(*process, out);
  return out.text();
}

}  // namespace rsg::web
