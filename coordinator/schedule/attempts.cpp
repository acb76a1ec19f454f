// What agents say of the attempts they have in hand, but for windows.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/secret.hpp"
#include "common/validate.hpp"
#include "coordinator/schedule/coordinator.hpp"
#include "coordinator/schedule/text.hpp"

namespace rsg::schedule {
namespace {

constexpr std::size_t kMostId = 64;
constexpr std::size_t kMostError = 4 << 10;

}  // namespace

const Coordinator::Attempt* Coordinator::FindAttempt(const Agent& agent, const std::string& attempt_id,
                                                     const std::string& token) const {
  const auto key = ParseAttemptId(attempt_id);
  if (!key) return nullptr;
  const auto found = attempts_.find(*key);
  if (found == attempts_.end() || found->second.agent != &agent) return nullptr;
  return EqualInConstantTime(found->second.token, token) ? &found->second : nullptr;
}

Coordinator::Attempt* Coordinator::FindAttempt(const Agent& agent, const std::string& attempt_id,
                                               const std::string& token) {
  return const_cast<Attempt*>(std::as_const(*this).FindAttempt(agent, attempt_id, token));
}

absl::Status Coordinator::MayFetchScript(std::string_view credential_sha256,
                                         const v1::FetchScriptRequest& request) const {
  const auto agent = by_credential_.find(std::string(credential_sha256));
  if (agent == by_credential_.end() || agent->second->record.revoked)
    return absl::UnauthenticatedError("not an agent of this coordinator");
  const Attempt* attempt = FindAttempt(*agent->second, request.attempt_id(), request.lease_token());
  if (attempt == nullptr)
    return absl::PermissionDeniedError(
        fmt::format("attempt {} is not current", OneLine(request.attempt_id(), kMostId)));
  const v1::Cell& cell = sweeps_.at(attempt->key.job.sweep).cell(attempt->key.job.job).cell;
  if (!cell.has_script() || cell.script().sha256() != request.sha256())
    return absl::PermissionDeniedError(fmt::format("attempt {} has another script", Id(attempt->key)));
  return absl::OkStatus();
}

std::set<std::string> Coordinator::LiveScripts() const {
  std::set<std::string> scripts;
  for (const auto& [number, sweep] : sweeps_)
    for (const v1::Script& script : sweep.record.spec.scripts()) scripts.insert(script.sha256());
  return scripts;
}

void Coordinator::OnStarted(Agent& agent, const v1::AttemptStarted& message, const Now& now, Effects& effects) {
  Attempt* attempt = FindAttempt(agent, message.attempt_id(), message.lease_token());
  if (attempt == nullptr) return RefuseStale(agent, message.attempt_id(), message.lease_token(), "start", effects);
  Start(*attempt, now, effects);
}

void Coordinator::RefuseStale(Agent& agent, const std::string& attempt_id, const std::string& token, const char* what,
                              Effects& effects) {
  const std::string shown = OneLine(attempt_id, kMostId);
  Reject(agent, "stale", fmt::format("sent a {} for attempt {}, which is not current", what, shown), effects,
         FieldsOf(attempt_id));
  SendCancel(agent, attempt_id, token, "the attempt is not current", effects);
  if (!agent.stopping) Stop(agent, attempt_id);
}

void Coordinator::Start(Attempt& attempt, const Now& now, Effects& effects) {
  if (attempt.running) return;
  attempt.running = true;
  attempt.started_unix = now.unix;
  effects.changes.push_back(StartAttempt{.key = attempt.key, .lease_token = attempt.token, .started_unix = now.unix});
  Sweep& sweep = sweeps_.at(attempt.key.job.sweep);
  sweep.Run(attempt.key.job.job);
  PutJobChange(sweep, attempt.key.job.job, effects);
}

bool Coordinator::WasAccepted(const Agent& agent, const std::string& attempt_id, const std::string& token) const {
  return std::any_of(agent.accepted.begin(), agent.accepted.end(), [&](const auto& accepted) {
    return accepted.first == attempt_id && EqualInConstantTime(accepted.second, token);
  });
}

// Said again because the answer was lost, or what is left of an attempt that was ended here: its child is gone.
void Coordinator::AnswerStaleEnd(Agent& agent, const v1::AttemptFinished& finished, Effects& effects) {
  Send answer;
  answer.session = agent.session;
  v1::FinishedAck& ack = *answer.message.mutable_finished_ack();
  ack.set_attempt_id(finished.attempt_id());
  ack.set_accepted(WasAccepted(agent, finished.attempt_id(), finished.lease_token()));
  if (!ack.accepted()) ack.set_reason("the attempt is not current");
  if (agent.stopping && agent.stopping->attempt_id == finished.attempt_id()) {
    agent.stopping.reset();
    idle_.insert(agent.record.agent_id);
  } else if (!ack.accepted() && finished.outcome() != v1::OUTCOME_CANCELLED) {  // which is the answer to a Cancel
    Reject(agent, "stale",
           fmt::format("sent the end of attempt {}, which is not current", OneLine(finished.attempt_id(), kMostId)),
           effects, FieldsOf(finished.attempt_id()));
  }
  effects.outgoing.emplace_back(std::move(answer));
}

void Coordinator::OnFinished(Agent& agent, v1::AttemptFinished& finished, const Now& now, Effects& effects) {
  Attempt* attempt = FindAttempt(agent, finished.attempt_id(), finished.lease_token());
  if (attempt == nullptr) return AnswerStaleEnd(agent, finished, effects);
  Send answer;
  answer.session = agent.session;
  v1::FinishedAck& ack = *answer.message.mutable_finished_ack();
  ack.set_attempt_id(finished.attempt_id());
  const std::uint32_t batch_size = sweeps_.at(attempt->key.job.sweep).cell(attempt->key.job.job).cell.batch_size();
  absl::Status valid = rsg::Validate(finished, batch_size);
  const bool measured = finished.outcome() == v1::OUTCOME_COMPLETED;
  if (valid.ok() && measured && finished.final_sequence() < attempt->last_sequence)
    valid = absl::InvalidArgumentError(fmt::format("final_sequence: {}, but {} windows are stored",
                                                   finished.final_sequence(), attempt->last_sequence));
  if (!valid.ok()) {
    const std::string why = fmt::format("the agent reported an end that cannot be: {}", std::string(valid.message()));
    Reject(agent, "result", fmt::format("attempt {}: {}", Id(attempt->key), why), effects, FieldsOf(Id(attempt->key)));
    ack.set_accepted(false);
    ack.set_reason(why);
    effects.outgoing.emplace_back(std::move(answer));
    return Conclude(*attempt, {.outcome = v1::OUTCOME_FAILED, .error = why}, now, effects);
  }
  // A LOST attempt is one whose windows the agent could not keep.
  if (finished.final_sequence() > attempt->last_sequence && finished.outcome() != v1::OUTCOME_LOST)
    return SendAck(*attempt, effects);
  if (agent.accepted.size() > settings_.jobs_ahead) agent.accepted.pop_front();
  agent.accepted.emplace_back(finished.attempt_id(), finished.lease_token());
  End end;
  // What waited at an agent that is leaving comes back as it was.
  end.free = !attempt->running && agent.record.draining;
  end.outcome = finished.outcome();
  if (measured) end.result = std::move(*finished.mutable_result());
  end.error = OneLine(finished.error(), kMostError);
  if (!end.free) end.log_tail = std::move(*finished.mutable_log_tail());
  end.runtime_seconds = finished.runtime_seconds();
  Conclude(*attempt, std::move(end), now, effects);
  ack.set_accepted(true);
  effects.outgoing.emplace_back(std::move(answer));
}

}  // namespace rsg::schedule
