// After a restart: what is stored becomes live again. Every timer begins anew, with its full grace.
#include <algorithm>

#include <fmt/format.h>

#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {

void Coordinator::Load(Snapshot snapshot, const Now& now, Effects& effects) {
  Advance(now);
  last_sweep_ = snapshot.last_sweep;
  for (const TokenRecord& token : snapshot.tokens) tokens_.Restore(token);
  for (AgentRecord& record : snapshot.agents) {
    auto agent = std::make_unique<Agent>();
    agent->record = std::move(record);
    agent->heard = active_;
    by_credential_[agent->record.credential_sha256] = agent.get();
    agents_[agent->record.agent_id] = std::move(agent);
  }
  for (SweepRecord& record : snapshot.sweeps) LoadSweep(std::move(record), now, effects);
  std::sort(snapshot.jobs.begin(), snapshot.jobs.end(),
            [](const JobRecord& a, const JobRecord& b) { return a.key < b.key; });
  for (const JobRecord& job : snapshot.jobs)
    if (const auto sweep = sweeps_.find(job.key.sweep); sweep != sweeps_.end()) sweep->second.Restore(job);
  for (const v1::Job& control : snapshot.controls)
    if (const auto key = ParseJobId(control.job_id()); key && sweeps_.contains(key->sweep))
      RestoreControl(sweeps_.at(key->sweep), key->job, control);
  for (const AttemptRecord& record : snapshot.attempts) LoadAttempt(record, now, effects);
  for (auto& [number, sweep] : sweeps_) {
    v1::SubmitSweepResponse& response = requests_[sweep.record.request_id];
    response.set_sweep_id(SweepId(number));
    response.set_cells(static_cast<std::uint32_t>(sweep.plan().size()));
    response.set_jobs(sweep.Counts().total());
    QueueLoadedJobs(sweep, effects);
    maybe_done_.insert(number);
  }
  Settle(now, effects);
}

std::map<std::string, Coordinator::Newest> Coordinator::NewestProcesses() const {
  std::map<std::string, Newest> newest;
  for (const auto& [id, agent] : agents_)
    if (agent->stream != 0 || agent->start != 0)
      newest[id] = {.instance_id = agent->record.instance_id, .stream = agent->stream, .start = agent->start};
  return newest;
}

void Coordinator::Recall(const std::map<std::string, Newest>& newest) {
  for (const auto& [id, process] : newest) {
    const auto agent = agents_.find(id);
    if (agent == agents_.end()) continue;  // its enrolment was not stored
    agent->second->record.instance_id = process.instance_id;
    agent->second->stream = process.stream;
    agent->second->start = process.start;
  }
}

void Coordinator::LoadSweep(SweepRecord record, const Now& now, Effects& effects) {
  auto plan = PlanCells(record.spec);
  if (!plan.ok()) {
    effects.log.push_back({.level = LogEntry::Level::kWarning,
                           .text = fmt::format("sweep {} takes no newcomers: {}", SweepId(record.sweep),
                                               std::string(plan.status().message())),
                           .fields = FieldsOf(SweepId(record.sweep))});
    plan = std::vector<PlannedCell>();
  }
  const std::int64_t number = record.sweep;
  Sweep sweep(std::move(record), *std::move(plan));
  const v1::DeviceSelector& selector = sweep.record.spec.devices();
  if (selector.has_open_for_seconds()) {
    // By the wall clock, which may have jumped: never longer than asked for from now on.
    const double since = now.unix - sweep.record.submitted_unix;
    sweep.open_until =
        now.monotonic + std::clamp(selector.open_for_seconds() - since, 0.0, selector.open_for_seconds());
  }
  sweeps_.emplace(number, std::move(sweep));
}

void Coordinator::LoadAttempt(const AttemptRecord& record, const Now& now, Effects& effects) {
  Attempt attempt;
  attempt.key = record.key;
  attempt.token = record.lease_token;
  attempt.instance_id = record.instance_id;
  attempt.running = record.state == v1::JOB_STATE_RUNNING;
  attempt.last_sequence = record.last_sequence;
  attempt.assigned_unix = record.assigned_unix;
  attempt.known_since = now.monotonic;
  attempt.started_unix = record.started_unix;
  const auto sweep = sweeps_.find(record.key.job.sweep);
  const auto agent = agents_.find(record.agent_id);
  const bool belongs = sweep != sweeps_.end() && record.key.job.job <= sweep->second.job_count() &&
                       sweep->second.job(record.key.job.job).state != v1::JOB_STATE_ENDED && agent != agents_.end();
  if (!belongs) {
    effects.log.push_back({.level = LogEntry::Level::kWarning,
                           .text = fmt::format("attempt {} has no live job; ended", Id(record.key)),
                           .fields = FieldsOf(Id(record.key))});
    effects.log.back().fields.agent_id = record.agent_id;
    effects.changes.push_back(
        MakeEndAttempt(attempt, {.outcome = v1::OUTCOME_LOST, .error = "no live job after a restart"}, now));
    return;
  }
  attempt.agent = agent->second.get();
  // In the order of their keys, which is nearly always that in which they were handed out.
  attempt.agent->attempts.push_back(attempt.key);
  const std::string& device = sweep->second.device(record.key.job.job).id;
  if (devices_.Owner(device) != attempt.agent) attempt.agent->devices.push_back(device);
  devices_.SetOwner(device, attempt.agent);
  attempts_.emplace(attempt.key, std::move(attempt));
}

void Coordinator::QueueLoadedJobs(Sweep& sweep, Effects& effects) {
  for (std::int64_t number = 1; number <= sweep.job_count(); ++number) {
    const Sweep::Job& job = sweep.job(number);
    const JobKey key{.sweep = sweep.record.sweep, .job = number};
    if (job.state == v1::JOB_STATE_QUEUED) {
      devices_.Queue(sweep.device(number).id, key);
    } else if (job.state != v1::JOB_STATE_ENDED && !attempts_.contains({.job = key, .attempt = job.attempts})) {
      effects.log.push_back({.level = LogEntry::Level::kWarning,
                             .text = fmt::format("job {} had no live attempt; queued", Id(key)),
                             .fields = FieldsOf(Id(key))});
      sweep.Queue(number);
      PutJobChange(sweep, number, effects);
    }
  }
}

}  // namespace rsg::schedule
