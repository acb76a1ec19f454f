// What becomes of attempts when an agent says Hello: they go on, are offered again, or are fenced.
#include <fmt/format.h>

#include "common/secret.hpp"
#include "coordinator/schedule/coordinator.hpp"
#include "coordinator/schedule/text.hpp"

namespace rsg::schedule {
namespace {

constexpr std::size_t kMostId = 64;

const v1::AttemptInHand* Find(const v1::Hello& hello, const std::string& attempt_id, const std::string& token) {
  for (const v1::AttemptInHand& attempt : hello.attempts())
    if (attempt.attempt_id() == attempt_id && EqualInConstantTime(attempt.lease_token(), token)) return &attempt;
  return nullptr;
}

}  // namespace

void Coordinator::ResumeInHand(Agent& agent, const v1::Hello& hello, const Now& now, Effects& effects) {
  // First what is over, so that an offer that is made again finds an agent that has forgotten the rest.
  for (const v1::AttemptInHand& attempt : hello.attempts()) {
    if (FindAttempt(agent, attempt.attempt_id(), attempt.lease_token()) != nullptr) continue;
    if (attempt.finished() && WasAccepted(agent, attempt.attempt_id(), attempt.lease_token())) {
      // Its end was stored; only the news of that was lost.
      Send send;
      send.session = agent.session;
      send.message.mutable_finished_ack()->set_attempt_id(attempt.attempt_id());
      send.message.mutable_finished_ack()->set_accepted(true);
      effects.outgoing.emplace_back(std::move(send));
    } else {
      ++rejected_["stale"];
      Log(agent, LogEntry::Level::kInfo,
          fmt::format("has attempt {} in hand, which is not current", OneLine(attempt.attempt_id(), kMostId)), effects,
          FieldsOf(attempt.attempt_id()));
      SendCancel(agent, attempt.attempt_id(), attempt.lease_token(), "the attempt is not current", effects);
      if (!attempt.finished() && !attempt.queued()) Stop(agent, attempt.attempt_id());
    }
  }
  bool any_lost = false;
  for (const AttemptKey& key : std::vector<AttemptKey>(agent.attempts))
    any_lost |= !Resume(agent, attempts_.at(key), hello, /*free=*/any_lost, now, effects);
}

// False when it is lost. `free`: so is one before it, on which the loss is blamed.
bool Coordinator::Resume(Agent& agent, Attempt& attempt, const v1::Hello& hello, bool free, const Now& now,
                         Effects& effects) {
  const v1::AttemptInHand* in_hand = Find(hello, Id(attempt.key), attempt.token);
  const bool same_process = attempt.instance_id == hello.instance_id();
  // What a new process has in hand unfinished it cannot finish: its child died with the earlier process. A finished
  // measurement is as good as it was.
  if (in_hand != nullptr && (same_process || in_hand->finished())) {
    attempt.instance_id = hello.instance_id();
    // Known before the first end on this stream is: an attempt that ran out of memory prunes only what has not begun.
    if (in_hand->started()) Start(attempt, now, effects);
    Send send;
    send.session = agent.session;
    send.message.mutable_ack()->set_attempt_id(Id(attempt.key));
    send.message.mutable_ack()->set_sequence(attempt.last_sequence);
    effects.outgoing.emplace_back(std::move(send));
    return true;
  }
  if (in_hand == nullptr && same_process && !attempt.running) {
    // The offer was lost with the earlier stream. This process never had it, so the same token cannot get two children.
    // It waits there when the child of something else is still to be stopped.
    SendAssign(attempt, effects);
    return true;
  }
  if (in_hand != nullptr) SendCancel(agent, Id(attempt.key), attempt.token, "the agent was restarted", effects);
  LoseAttempt(attempt, same_process ? "the agent no longer knows the attempt" : "the agent was restarted", free, now,
              effects);
  return false;
}

}  // namespace rsg::schedule
