#include "world.hpp"

namespace rsg::schedule {

void Memory::Apply(const std::vector<Change>& changes) {
  for (const Change& change : changes) std::visit([this](const auto& c) { ApplyOne(c); }, change);
}

void Memory::ApplyOne(const PutJob& change) {
  EXPECT_TRUE(sweeps.contains(change.job.key.sweep));
  EXPECT_EQ(change.job.state == v1::JOB_STATE_ENDED, change.job.outcome != v1::OUTCOME_UNSPECIFIED);
  EXPECT_EQ(change.job.state == v1::JOB_STATE_ENDED, change.job.ended_unix.has_value());
  if (change.job.state == v1::JOB_STATE_ENDED) {
    EXPECT_EQ(change.job.outcome == v1::OUTCOME_COMPLETED, results.contains(change.job.key)) << Id(change.job.key);
  }
  jobs[change.job.key] = change.job;
}

void Memory::CheckControls(const JobRecord& starting) const {
  const bool at_start = starting.role == v1::ROLE_CONTROL && starting.repeat == kControlStart;
  const bool at_end = starting.role == v1::ROLE_CONTROL && !at_start;
  for (const auto& [key, job] : jobs) {
    if (key.sweep != starting.key.sweep || key == starting.key || job.device_id != starting.device_id) continue;
    const bool is_start = job.role == v1::ROLE_CONTROL && job.repeat == kControlStart;
    if (at_end || (is_start && !at_start)) {
      EXPECT_EQ(job.state, v1::JOB_STATE_ENDED) << Id(starting.key) << " begins before " << Id(key) << " has ended";
    }
  }
}

void Memory::ApplyOne(const InsertAttempt& change) {
  if (const auto job = jobs.find(change.attempt.key.job); job != jobs.end()) CheckControls(job->second);
  EXPECT_TRUE(jobs.contains(change.attempt.key.job));
  EXPECT_TRUE(agents.contains(change.attempt.agent_id));
  for (const auto& [key, attempt] : attempts)
    EXPECT_FALSE(key.job == change.attempt.key.job && attempt.state != v1::JOB_STATE_ENDED)
        << Id(key) << " has not ended and " << Id(change.attempt.key) << " begins";
  EXPECT_TRUE(attempts.emplace(change.attempt.key, change.attempt).second) << Id(change.attempt.key);
}

AttemptRecord& Memory::Current(const AttemptKey& key, const std::string& token) {
  AttemptRecord& attempt = attempts.at(key);
  EXPECT_EQ(attempt.lease_token, token) << Id(key);
  EXPECT_NE(attempt.state, v1::JOB_STATE_ENDED) << Id(key);
  return attempt;
}

void Memory::ApplyOne(const StartAttempt& change) {
  AttemptRecord& attempt = Current(change.key, change.lease_token);
  attempt.state = v1::JOB_STATE_RUNNING;
  attempt.started_unix = change.started_unix;
}

void Memory::ApplyOne(const AppendWindows& change) {
  AttemptRecord& attempt = Current(change.key, change.lease_token);
  EXPECT_FALSE(change.windows.empty());
  for (const v1::Window& window : change.windows) {
    EXPECT_EQ(window.sequence(), attempt.last_sequence + 1) << Id(change.key);
    attempt.last_sequence = window.sequence();
    windows[change.key].push_back(window);
  }
}

void Memory::ApplyOne(const EndAttempt& change) {
  AttemptRecord& attempt = Current(change.key, change.lease_token);
  attempt.state = v1::JOB_STATE_ENDED;
  attempt.outcome = change.outcome;
  attempt.error = change.error;
  attempt.ended_unix = change.ended_unix;
  EXPECT_EQ(change.result.has_value(), change.outcome == v1::OUTCOME_COMPLETED);
  if (change.outcome == v1::OUTCOME_SKIPPED) {
    EXPECT_FALSE(attempt.started_unix) << Id(change.key) << " is skipped and has begun";
  }
  if (change.result) {
    EXPECT_TRUE(results.emplace(change.key.job, *change.result).second) << Id(change.key);
  }
}

std::vector<v1::Job> Memory::Controls(std::int64_t sweep) const {
  std::vector<v1::Job> controls;
  for (const auto& [key, result] : results) {
    const JobRecord& job = jobs.at(key);
    if (key.sweep != sweep || job.role != v1::ROLE_CONTROL) continue;
    v1::Job& shown = controls.emplace_back();
    shown.set_job_id(Id(key));
    shown.set_outcome(job.outcome);
    shown.set_throughput(result.throughput());
    if (result.has_ci_low()) shown.set_ci_low(result.ci_low());
    if (result.has_ci_high()) shown.set_ci_high(result.ci_high());
    shown.set_verdict(result.verdict());
    shown.set_agent_name(agents.at(attempts.at({key, job.attempts}).agent_id).name);
  }
  return controls;
}

Snapshot Memory::Load() const {
  Snapshot snapshot;
  for (const auto& [number, sweep] : sweeps) {
    snapshot.last_sweep = number;
    if (sweep.state == v1::SWEEP_STATE_COMPLETED || sweep.state == v1::SWEEP_STATE_CANCELLED) continue;
    snapshot.sweeps.push_back(sweep);
    for (const auto& [key, job] : jobs)
      if (key.sweep == number) snapshot.jobs.push_back(job);
    for (v1::Job& control : Controls(number)) snapshot.controls.push_back(std::move(control));
  }
  for (const auto& [key, attempt] : attempts)
    if (attempt.state != v1::JOB_STATE_ENDED) snapshot.attempts.push_back(attempt);
  for (const auto& [id, agent] : agents) snapshot.agents.push_back(agent);
  for (const auto& [id, token] : tokens) snapshot.tokens.push_back(token);
  return snapshot;
}

Coordinator::Ended Memory::Find(std::int64_t sweep) const {
  Coordinator::Ended found{.sweep = sweeps.at(sweep), .jobs = {}, .controls = Controls(sweep)};
  for (const auto& [key, job] : jobs)
    if (key.sweep == sweep) found.jobs.push_back(job);
  return found;
}

}  // namespace rsg::schedule
