// What is shown of live sweeps.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {
namespace {

constexpr int kMostRunningShown = 64;
constexpr int kMostAbsentShown = 16;

absl::Status NotLive(std::int64_t sweep) {
  return absl::NotFoundError(fmt::format("sweep: {} is not live", SweepId(sweep)));
}

}  // namespace

Overview Coordinator::Look() const {
  Overview overview;
  for (const auto& [id, agent] : agents_) {
    ++overview.agents[StateOf(*agent)];
    overview.spooled_windows += agent->spooled;
  }
  overview.sweeps = sweeps_.size();
  v1::JobCounts& jobs = overview.jobs;
  for (const auto& [number, sweep] : sweeps_) {
    const v1::JobCounts counts = sweep.Counts();
    jobs.set_total(jobs.total() + counts.total());
    jobs.set_queued(jobs.queued() + counts.queued());
    jobs.set_running(jobs.running() + counts.running());
    jobs.set_completed(jobs.completed() + counts.completed());
    jobs.set_out_of_memory(jobs.out_of_memory() + counts.out_of_memory());
    jobs.set_unsupported(jobs.unsupported() + counts.unsupported());
    jobs.set_failed(jobs.failed() + counts.failed());
    jobs.set_cancelled(jobs.cancelled() + counts.cancelled());
    jobs.set_skipped(jobs.skipped() + counts.skipped());
  }
  return overview;
}

absl::StatusOr<v1::SweepStatus> Coordinator::Status(std::int64_t number, const Now& now) const {
  const auto sweep = sweeps_.find(number);
  if (sweep == sweeps_.end()) return NotLive(number);
  return StatusOf(sweep->second, now);
}

v1::SweepStatus Coordinator::StatusOf(const Sweep& sweep, const Now& now) const {
  v1::SweepStatus status;
  status.set_sweep_id(SweepId(sweep.record.sweep));
  *status.mutable_spec() = sweep.record.spec;
  status.set_state(sweep.record.state);
  status.set_submitted_unix_seconds(sweep.record.submitted_unix);
  status.set_cells(static_cast<std::uint32_t>(sweep.plan().size()));
  status.set_devices(static_cast<std::uint32_t>(sweep.devices().size()));
  *status.mutable_counts() = sweep.Counts();
  *status.mutable_drift() = sweep.Drift();
  if (sweep.record.ended_unix) {
    status.set_ended_unix_seconds(*sweep.record.ended_unix);
    return status;
  }
  // What runs, or is to at once, before what was handed out ahead.
  for (const bool ahead : {false, true})
    for (auto at = attempts_.lower_bound({.job = {.sweep = sweep.record.sweep, .job = 0}, .attempt = 0});
         at != attempts_.end() && at->first.job.sweep == sweep.record.sweep &&
         status.running_size() < kMostRunningShown;
         ++at)
      if (ahead != (at->second.running || at->first == at->second.agent->attempts.front()))
        *status.add_running() = LiveJob(sweep, at->second, now);
  if (const auto eta = Eta(sweep, now)) status.set_eta_seconds(*eta);
  AddAbsent(sweep, now, &status);
  return status;
}

// Whoever is cut off for a moment is not.
bool Coordinator::IsAbsent(const std::string& device_id) const {
  const Agent* owner = devices_.Owner(device_id);
  if (owner == nullptr) return IsGone(device_id);
  return StateOf(*owner) == v1::AGENT_STATE_LOST || (owner->session == 0 && owner->left);
}

void Coordinator::AddAbsent(const Sweep& sweep, const Now& now, v1::SweepStatus* status) const {
  for (const Sweep::OnDevice& device : sweep.devices()) {
    if (device.remaining == 0 || !IsAbsent(device.id)) continue;
    status->set_absent_jobs(status->absent_jobs() + device.remaining);
    if (status->absent_size() >= kMostAbsentShown) continue;
    v1::AbsentDevice& absent = *status->add_absent();
    absent.set_device_id(device.id);
    absent.set_device_name(device.name);
    absent.set_jobs(device.remaining);
    double away = Absence(device.id);
    if (const Agent* owner = devices_.Owner(device.id)) {
      absent.set_agent_name(owner->record.name);
      absent.set_agent_state(StateOf(*owner));
      if (owner->session == 0) away = now.unix - owner->record.last_seen_unix;  // also before a restart
    }
    // Rounded, for watchers are told of each change.
    absent.set_away_seconds(away < 60 ? std::floor(std::max(away, 0.0)) : 60 * std::floor(away / 60));
  }
}

std::vector<v1::Job> Coordinator::LiveJobs(std::int64_t number, const Now& now) const {
  std::vector<v1::Job> jobs;
  const auto sweep = sweeps_.find(number);
  if (sweep == sweeps_.end()) return jobs;
  for (auto at = attempts_.lower_bound({.job = {.sweep = number, .job = 0}, .attempt = 0});
       at != attempts_.end() && at->first.job.sweep == number; ++at)
    jobs.push_back(LiveJob(sweep->second, at->second, now));
  return jobs;
}

v1::Job Coordinator::LiveJob(const Sweep& sweep, const Attempt& attempt, const Now& now) const {
  v1::Job job = sweep.View(attempt.key.job.job);
  job.set_agent_id(attempt.agent->record.agent_id);
  job.set_agent_name(attempt.agent->record.name);
  job.set_windows_stored(attempt.last_sequence);
  if (attempt.measured_seconds > 0)
    job.set_throughput(static_cast<double>(attempt.measured_samples) / attempt.measured_seconds);
  if (attempt.started_unix) job.set_elapsed_seconds(std::max(0.0, now.unix - *attempt.started_unix));
  return job;
}

std::optional<double> Coordinator::Eta(const Sweep& sweep, const Now& now) const {
  std::uint32_t timed = 0;
  double timed_seconds = 0;
  for (const Sweep::OnDevice& device : sweep.devices()) {
    timed += device.timed;
    timed_seconds += device.timed_seconds;
  }
  if (timed == 0) return std::nullopt;
  // Devices of one agent work one after the other, agents beside each other.
  std::map<const Agent*, double> left;
  for (const Sweep::OnDevice& device : sweep.devices()) {
    const Agent* owner = devices_.Owner(device.id);
    if (device.remaining == 0 || owner == nullptr || owner->session == 0) continue;
    const double mean = device.timed > 0 ? device.timed_seconds / device.timed : timed_seconds / timed;
    double seconds = device.remaining * mean;
    if (const JobKey* first = owner->attempts.empty() ? nullptr : &owner->attempts.front().job;
        first != nullptr && first->sweep == sweep.record.sweep && !sweep.IsControl(first->job) &&
        sweep.device(first->job).id == device.id) {
      const double since = std::max(attempts_.at(owner->attempts.front()).assigned_unix, owner->idle_unix);
      seconds -= std::clamp(now.unix - since, 0.0, mean);
    }
    left[owner] += seconds;
  }
  if (left.empty()) return std::nullopt;
  double longest = 0;
  for (const auto& [agent, seconds] : left) longest = std::max(longest, seconds);
  return longest;
}

}  // namespace rsg::schedule
