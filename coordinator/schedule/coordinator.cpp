#include "coordinator/schedule/coordinator.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace rsg::schedule {
namespace {

constexpr std::size_t kRememberedRequests = 4096;
constexpr std::size_t kLeaseTokenBytes = 16;

}  // namespace

Coordinator::Coordinator(const Settings& settings, RandomSource random)
    : settings_(settings), random_(std::move(random)) {}

void Coordinator::Advance(const Now& now) {
  // A gap of several ticks is time in which this process was stopped or waited for a commit: nobody could be heard in
  // it, so it must not count as anybody's silence.
  const double longest = 4 * settings_.TickSeconds();
  if (advanced_) active_ += std::clamp(now.monotonic - *advanced_, 0.0, longest);
  advanced_ = now.monotonic;
}

double Coordinator::Receive(SessionId session, v1::AgentMessage message, const Now& now, Effects& effects) {
  Advance(now);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return 0;
  Agent& agent = *found->second.agent;
  const double pause = Charge(agent, message, effects);
  if (agent.session != session && !message.has_hello()) {
    Reject(agent, "order", "began a stream without Hello", effects);
    CloseSession(session, absl::InvalidArgumentError("the first message of a stream must be Hello"), now, effects);
    Settle(now, effects);
    return pause;
  }
  if (agent.session == session) agent.heard = active_;
  switch (message.message_case()) {
    case v1::AgentMessage::kHello:
      OnHello(session, agent, *message.mutable_hello(), now, effects);
      break;
    case v1::AgentMessage::kHeartbeat:
      SetDraining(agent, message.heartbeat().draining(), now, effects);
      agent.spooled = message.heartbeat().spooled_windows();
      break;
    case v1::AgentMessage::kAttemptStarted:
      OnStarted(agent, message.attempt_started(), now, effects);
      break;
    case v1::AgentMessage::kWindowBatch:
      OnWindows(agent, *message.mutable_window_batch(), now, effects);
      break;
    case v1::AgentMessage::kAttemptFinished:
      OnFinished(agent, *message.mutable_attempt_finished(), now, effects);
      break;
    case v1::AgentMessage::kLogLines:
      OnLogLines(agent, message.log_lines(), effects);
      break;
    case v1::AgentMessage::MESSAGE_NOT_SET:
      Reject(agent, "empty", "sent a message without content", effects);
      CloseSession(session, absl::InvalidArgumentError("a message without content"), now, effects);
      break;
  }
  Settle(now, effects);
  return pause;
}

void Coordinator::Tick(const Now& now, Effects& effects) {
  Advance(now);
  const double patience = std::min(settings_.hello_seconds, settings_.lost_after_seconds);
  std::vector<SessionId> mute;
  for (const auto& [id, session] : sessions_)
    if (session.agent->session != id && active_ - session.opened >= patience) mute.push_back(id);
  for (const SessionId id : mute) {
    ++rejected_["mute"];
    CloseSession(id, absl::DeadlineExceededError("no Hello came on this stream"), now, effects);
  }
  for (auto& [id, agent] : agents_) {
    const bool lost = StateOf(*agent) == v1::AGENT_STATE_LOST;
    if (lost && !agent->shown_lost && advanced_ && !agent->attempts.empty())
      Log(*agent, LogEntry::Level::kWarning,
          fmt::format("is silent; its attempt {} stands{}", Id(agent->attempts.front()),
                      agent->attempts.size() > 1 ? fmt::format(", as do {} ahead", agent->attempts.size() - 1) : ""),
          effects, FieldsOf(Id(agent->attempts.front())));
    agent->shown_lost = lost;
    if (agent->stopping && active_ >= agent->stopping->until) {
      agent->stopping.reset();
      idle_.insert(id);
    }
  }
  for (const std::string& id : std::set<std::string>(with_contest_)) {
    Agent& agent = *agents_.at(id);
    if (agent.session != 0) ClaimDevices(agent, now, effects);
  }
  for (auto& [number, sweep] : sweeps_) {
    GiveUpControlsOfGoneMachines(sweep, now, effects);
    MoveSlots(sweep, now, effects);
    if (sweep.open_until && now.monotonic >= *sweep.open_until) maybe_done_.insert(number);
  }
  Settle(now, effects);
}

void Coordinator::Settle(const Now& now, Effects& effects) {
  for (const std::string& id : std::exchange(idle_, {})) Offer(*agents_.at(id), now, effects);
  for (const std::int64_t number : std::exchange(maybe_done_, {}))
    if (const auto sweep = sweeps_.find(number); sweep != sweeps_.end()) EndSweepIfDone(sweep->second, now, effects);
}

void Coordinator::Offer(Agent& agent, const Now& now, Effects& effects) {
  if (agent.session == 0 || agent.record.draining || agent.stopping) return;
  while (agent.attempts.size() <= settings_.jobs_ahead) {
    const auto next = NextFor(agent);
    if (!next) return;
    HandOut(agent, *next, now, effects);
  }
}

// The oldest sweep first; within one, all devices of a machine advance together.
std::optional<JobKey> Coordinator::NextFor(const Agent& agent) const {
  const auto order = [this](const JobKey& key) {
    return std::pair(key.sweep, sweeps_.at(key.sweep).job(key.job).cell);
  };
  std::optional<JobKey> best;
  for (const std::string& device : agent.devices) {
    const auto next = devices_.Next(device);
    if (next && !MustWait(agent, *next) && (!best || order(*next) < order(*best))) best = next;
  }
  return best;
}

// An attempt may fail, and is then made again behind what was handed out ahead of it. So a control cell is never in
// hand together with others of its sweep and device, or it would not keep its place.
bool Coordinator::MustWait(const Agent& agent, const JobKey& next) const {
  const Sweep& sweep = sweeps_.at(next.sweep);
  const Sweep::OnDevice& device = sweep.device(next.job);
  return std::any_of(agent.attempts.begin(), agent.attempts.end(), [&](const AttemptKey& held) {
    if (held.job.sweep != next.sweep || &sweep.device(held.job.job) != &device) return false;
    return sweep.IsControl(next.job) || sweep.IsControl(held.job.job);
  });
}

void Coordinator::HandOut(Agent& agent, const JobKey& job, const Now& now, Effects& effects) {
  Sweep& sweep = sweeps_.at(job.sweep);
  sweep.Assign(job.job);
  Attempt attempt;
  attempt.key = {.job = job, .attempt = sweep.job(job.job).attempts};
  attempt.token = random_(kLeaseTokenBytes);
  attempt.agent = &agent;
  attempt.instance_id = agent.record.instance_id;
  attempt.assigned_unix = now.unix;
  attempt.known_since = now.monotonic;
  agent.attempts.push_back(attempt.key);
  PutJobChange(sweep, job.job, effects);
  AttemptRecord record;
  record.key = attempt.key;
  record.lease_token = attempt.token;
  record.agent_id = agent.record.agent_id;
  record.instance_id = attempt.instance_id;
  record.state = v1::JOB_STATE_ASSIGNED;
  record.assigned_unix = now.unix;
  effects.changes.push_back(InsertAttempt{std::move(record)});
  SendAssign(attempt, effects);
  attempts_.emplace(attempt.key, std::move(attempt));
}

void Coordinator::SendAssign(const Attempt& attempt, Effects& effects) {
  const Sweep& sweep = sweeps_.at(attempt.key.job.sweep);
  Send send;
  send.session = attempt.agent->session;
  v1::Assign& assign = *send.message.mutable_assign();
  assign.set_attempt_id(Id(attempt.key));
  assign.set_lease_token(attempt.token);
  assign.set_device_id(sweep.device(attempt.key.job.job).id);
  *assign.mutable_cell() = sweep.cell(attempt.key.job.job).cell;
  *assign.mutable_limits() = LimitsOf(sweep, attempt.key.job.job);
  assign.set_max_runtime_seconds(MaxRuntimeSeconds(assign.limits()));
  effects.outgoing.emplace_back(std::move(send));
}

void Coordinator::PutJobChange(Sweep& sweep, std::int64_t job, Effects& effects) {
  const JobKey key{.sweep = sweep.record.sweep, .job = job};
  const std::string& device = sweep.device(job).id;
  if (sweep.job(job).state == v1::JOB_STATE_QUEUED) {
    devices_.Queue(device, key);
    if (const Agent* owner = devices_.Owner(device); owner != nullptr) idle_.insert(owner->record.agent_id);
  } else {
    devices_.Unqueue(device, key);
  }
  if (sweep.job(job).state == v1::JOB_STATE_ENDED) maybe_done_.insert(key.sweep);
  effects.changes.push_back(PutJob{sweep.Record(job)});
}

void Coordinator::EndSweepIfDone(Sweep& sweep, const Now& now, Effects& effects) {
  if (sweep.job_count() == 0 || sweep.remaining() > 0) return;
  if (sweep.open_until && now.monotonic < *sweep.open_until) return;
  EndSweep(sweep, v1::SWEEP_STATE_COMPLETED, now, effects);
}

void Coordinator::EndSweep(Sweep& sweep, v1::SweepState state, const Now& now, Effects& effects) {
  sweep.record.state = state;
  sweep.record.ended_unix = now.unix;
  effects.changes.push_back(PutSweep{sweep.record});
  effects.ended.push_back(StatusOf(sweep, now));
  const v1::JobCounts counts = sweep.Counts();
  effects.log.push_back({.level = LogEntry::Level::kInfo,
                         .text = fmt::format("sweep {} {}: {} of {} jobs completed", SweepId(sweep.record.sweep),
                                             state == v1::SWEEP_STATE_COMPLETED ? "completed" : "cancelled",
                                             counts.completed(), counts.total()),
                         .fields = FieldsOf(SweepId(sweep.record.sweep))});
  ForgetOldRequests(sweep.record.request_id);
  sweeps_.erase(sweep.record.sweep);
}

void Coordinator::ForgetOldRequests(const std::string& ended_request) {
  ended_requests_.push_back(ended_request);
  if (ended_requests_.size() <= kRememberedRequests) return;
  requests_.erase(ended_requests_.front());
  ended_requests_.pop_front();
}

}  // namespace rsg::schedule
