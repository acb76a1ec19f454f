// How attempts end, and what follows for their jobs.
#include <algorithm>

#include <fmt/format.h>

#include "common/words.hpp"
#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {
namespace {

// Offers in a row that may come to nothing before they count as losses, so that an agent that dies of each offer does
// not go on for ever.
constexpr std::uint32_t kFreeOffers = 3;
// How often a job may come back from agents that leave before that counts, too: no fleet drains so often.
constexpr std::uint32_t kFreeReturns = 100;
// What an agent needs to say that a child is gone, after it killed it.
constexpr double kStopGraceSeconds = 5;

}  // namespace

void Coordinator::Conclude(Attempt& attempt, End end, const Now& now, Effects& effects) {
  const AttemptKey key = attempt.key;
  const bool started = attempt.running;
  Agent& agent = *attempt.agent;
  Sweep& sweep = sweeps_.at(key.job.sweep);
  const double took = Took(attempt, end, now);
  effects.log.push_back(EndLine(attempt, end));
  std::erase(agent.attempts, key);
  ReleaseIfDone(agent, sweep.device(key.job.job).id);
  agent.idle_unix = now.unix;
  idle_.insert(agent.record.agent_id);
  effects.changes.push_back(MakeEndAttempt(attempt, end, now));
  if (end.result) KeepControl(sweep, attempt, *end.result);
  attempts_.erase(key);
  AfterAttempt(key.job, end, started, now, effects);
  // One whose slot went elsewhere has waited, not worked.
  if (sweep.job(key.job.job).state == v1::JOB_STATE_ENDED && sweep.job(key.job.job).outcome != v1::OUTCOME_SKIPPED)
    sweep.Time(key.job.job, took);
}

// Not within the agent's allowance of lines: it is one for each attempt that was handed out.
LogEntry Coordinator::EndLine(const Attempt& attempt, const End& end) {
  const std::string id = Id(attempt.key);
  const bool lost = end.outcome == v1::OUTCOME_LOST && !end.free;
  std::string text = fmt::format("{} {}: {}", lost ? "lost attempt" : "ended attempt", id, Word(end.outcome));
  if (end.result) text += fmt::format(", {:.2f} samples/s", end.result->throughput());
  if (!end.error.empty()) text += fmt::format(": {}", end.error);
  return LineAbout(*attempt.agent, lost ? LogEntry::Level::kWarning : LogEntry::Level::kInfo, text, FieldsOf(id));
}

// For how long the device was busy with it: not while it waited behind others, nor for what waited to be delivered.
double Coordinator::Took(const Attempt& attempt, const End& end, const Now& now) {
  const double since_assigned = std::max(0.0, now.unix - attempt.assigned_unix);
  if (end.runtime_seconds > 0) return std::min(end.runtime_seconds, since_assigned);
  return std::clamp(now.unix - attempt.agent->idle_unix, 0.0, since_assigned);
}

EndAttempt Coordinator::MakeEndAttempt(const Attempt& attempt, const End& end, const Now& now) {
  EndAttempt change;
  change.key = attempt.key;
  change.lease_token = attempt.token;
  change.outcome = end.outcome;
  change.result = end.result;
  change.error = end.error;
  change.log_tail = end.log_tail;
  change.runtime_seconds = end.runtime_seconds;
  change.ended_unix = now.unix;
  // Over a restart only the wall clock tells; it may have been set back.
  change.elapsed_seconds = std::max(now.unix - attempt.assigned_unix, now.monotonic - attempt.known_since);
  return change;
}

void Coordinator::CancelAttempt(Attempt& attempt, End end, const std::string& reason, const Now& now,
                                Effects& effects) {
  Agent& agent = *attempt.agent;
  const std::string id = Id(attempt.key);
  if (agent.session != 0) {
    SendCancel(agent, id, attempt.token, reason, effects);
    const bool may_run =
        attempt.running || (attempt.key == agent.attempts.front() && end.outcome != v1::OUTCOME_SKIPPED);
    if (may_run && !agent.stopping) Stop(agent, id);
  }
  Conclude(attempt, std::move(end), now, effects);
}

void Coordinator::SendCancel(const Agent& agent, const std::string& attempt_id, const std::string& token,
                             const std::string& reason, Effects& effects) {
  Send send;
  send.session = agent.session;
  send.message.mutable_cancel()->set_attempt_id(attempt_id);
  send.message.mutable_cancel()->set_lease_token(token);
  send.message.mutable_cancel()->set_reason(reason);
  effects.outgoing.emplace_back(std::move(send));
}

void Coordinator::LoseAttempt(Attempt& attempt, const std::string& why, bool free, const Now& now, Effects& effects) {
  Conclude(attempt, {.outcome = v1::OUTCOME_LOST, .error = why, .free = free && !attempt.running}, now, effects);
}

void Coordinator::Stop(Agent& agent, const std::string& attempt_id) {
  agent.stopping = {.attempt_id = attempt_id, .until = active_ + settings_.kill_after_seconds + kStopGraceSeconds};
}

void Coordinator::EndJob(const JobKey& job, v1::Outcome outcome, std::string reason, const Now& now, Effects& effects) {
  Sweep& sweep = sweeps_.at(job.sweep);
  sweep.End(job.job, outcome, std::move(reason), now.unix);
  PutJobChange(sweep, job.job, effects);
  if (outcome != v1::OUTCOME_CANCELLED) SkipControlWithoutStart(sweep, job.job, now, effects);
}

void Coordinator::AfterAttempt(const JobKey& key, const End& end, bool started, const Now& now, Effects& effects) {
  Sweep& sweep = sweeps_.at(key.sweep);
  Sweep::Job& job = sweep.job(key.job);
  if (end.job != v1::OUTCOME_UNSPECIFIED) return EndJob(key, end.job, end.error, now, effects);
  switch (end.outcome) {
    case v1::OUTCOME_COMPLETED:
      return EndJob(key, end.outcome, "", now, effects);
    case v1::OUTCOME_OUT_OF_MEMORY:
      EndJob(key, end.outcome, end.error.empty() ? "out of memory" : end.error, now, effects);
      return Prune(sweep, key.job, now, effects);
    case v1::OUTCOME_UNSUPPORTED:
      return EndJob(key, end.outcome, end.error, now, effects);
    case v1::OUTCOME_FAILED:
      if (++job.failures >= settings_.cell_attempts) return EndJob(key, end.outcome, end.error, now, effects);
      break;
    default:
      // LOST, or CANCELLED by nobody here: the machine's doing, not the cell's.
      if (end.free && ++job.returned <= kFreeReturns) break;
      if (!started && ++job.unstarted <= kFreeOffers) break;
      if (++job.losses >= settings_.infrastructure_attempts)
        return EndJob(key, v1::OUTCOME_LOST, fmt::format("lost {} times; last: {}", job.losses, end.error), now,
                      effects);
  }
  sweep.Queue(key.job);
  PutJobChange(sweep, key.job, effects);
}

void Coordinator::Prune(Sweep& sweep, std::int64_t job, const Now& now, Effects& effects) {
  const JobKey pruner{.sweep = sweep.record.sweep, .job = job};
  const std::string reason =
      fmt::format("{} ran out of memory at batch size {}", Id(pruner), sweep.cell(job).cell.batch_size());
  for (const std::int64_t larger : sweep.LargerBatchSizes(job)) {
    const JobKey key{.sweep = pruner.sweep, .job = larger};
    if (sweep.job(larger).state == v1::JOB_STATE_QUEUED) {
      EndJob(key, v1::OUTCOME_SKIPPED, reason, now, effects);
    } else if (sweep.job(larger).state == v1::JOB_STATE_ASSIGNED) {
      // Handed out ahead, and not begun: the agent holds it back since it knows.
      CancelAttempt(attempts_.at({.job = key, .attempt = sweep.job(larger).attempts}),
                    {.outcome = v1::OUTCOME_SKIPPED, .error = reason, .job = v1::OUTCOME_SKIPPED}, reason, now,
                    effects);
    }
  }
}

}  // namespace rsg::schedule
