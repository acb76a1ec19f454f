#include "ledger.hpp"

#include <utility>

#include "absl/strings/match.h"
#include "common/cells.hpp"
#include "common/words.hpp"
#include "coordinator/schedule/records.hpp"

namespace rsg::sim {

void Ledger::Spawned(std::size_t box, const std::string& instance, const v1::Assign& assign) {
  Story& story = stories_[assign.attempt_id()];
  if (story.spawned) basis_->Violate("attempt {} got a second child", assign.attempt_id());
  story.spawned = true;
  story.token = assign.lease_token();
  story.box = box;
  story.assign = assign;
  story.instance = instance;
  CheckPruned(assign, instance);
}

// What a process knows to run out of memory it does not begin, before the coordinator has had its say.
void Ledger::CheckPruned(const v1::Assign& assign, const std::string& instance) {
  const auto sweep = [](const v1::Assign& of) { return schedule::ParseAttemptId(of.attempt_id())->job.sweep; };
  for (const auto& [id, other] : stories_)
    if (other.out_of_memory && !other.answered && other.instance == instance && sweep(other.assign) == sweep(assign) &&
        other.assign.device_id() == assign.device_id() && Prunes(other.assign.cell(), assign.cell()))
      basis_->Violate("attempt {} begins although {} ran out of memory", assign.attempt_id(), id);
}

void Ledger::Made(const std::string& attempt, const v1::Window& window) { stories_[attempt].made.push_back(window); }

void Ledger::Measured(const std::string& attempt, const v1::Result& result) {
  stories_[attempt].measured = true;
  stories_[attempt].result = result;
}

void Ledger::Said(const v1::AgentMessage& message, const v1::Settings& settings) {
  if (message.has_hello() && message.hello().attempts_size() > 64)
    basis_->Violate("an agent has {} attempts in hand", message.hello().attempts_size());
  if (message.has_window_batch()) {
    const v1::WindowBatch& batch = message.window_batch();
    const Story& story = stories_[batch.attempt_id()];
    if (static_cast<std::uint32_t>(batch.windows_size()) > settings.max_unacked())
      basis_->Violate("attempt {}: {} windows in one message", batch.attempt_id(), batch.windows_size());
    for (const v1::Window& window : batch.windows())
      if (window.sequence() == 0 || window.sequence() > story.made.size() ||
          window.SerializeAsString() != story.made[window.sequence() - 1].SerializeAsString())
        return basis_->Violate("attempt {}: the agent sends a window {} that its trainer did not make",
                               batch.attempt_id(), window.sequence());
  }
  if (!message.has_attempt_finished()) return;
  const v1::AttemptFinished& finished = message.attempt_finished();
  Story& story = stories_[finished.attempt_id()];
  story.said.insert(finished.outcome());
  if (!finished.has_result()) {
    if (absl::StrContains(finished.error(), "restored from a backup"))
      basis_->Violate("attempt {}: {}", finished.attempt_id(), finished.error());
  } else if (!story.measured || finished.result().SerializeAsString() != story.result->SerializeAsString()) {
    basis_->Violate("attempt {}: the agent reports a result that its trainer did not measure", finished.attempt_id());
  }
}

void Ledger::Complained(std::size_t box, const std::string& text) {
  for (const char* never : {"without a proper id", "which was never made"})
    if (absl::StrContains(text, never)) basis_->Violate("agent {} complains: {}", box, text);
}

void Ledger::Kept(const std::string& attempt, bool well, bool result) {
  Story& story = stories_[attempt];
  story.holes |= !well;
  if (well && result) story.kept = !story.holes;
}

void Ledger::SpoolHurt(std::size_t box) {
  for (auto& [attempt, story] : stories_) {
    if (story.box != box || story.accepted) continue;
    story.holes = true;
    // If the process that finished it lives, its memory has it.
    if (std::exchange(story.kept, false)) story.orphaned |= ended_processes_.contains(story.instance);
  }
}

void Ledger::ProcessEnded(const std::string& instance) {
  ended_processes_.insert(instance);
  for (auto& [attempt, story] : stories_)
    story.orphaned |= story.instance == instance && !story.accepted && !story.kept;
}

void Ledger::RoundOver() {
  for (const std::string& hash : hearing_) heard_at_[hash] = basis_->time.now();
  hearing_.clear();
}

double Ledger::Silence(const std::string& credential_sha256) const {
  const auto heard = heard_at_.find(credential_sha256);
  const double since = heard == heard_at_.end() ? 0 : heard->second;
  return basis_->time.now() - std::max(since, started_at_);
}

void Ledger::Promised(const v1::CoordinatorMessage& message) {
  if (message.has_ack()) {
    const v1::Ack& ack = message.ack();
    Story& story = stories_[ack.attempt_id()];
    if (ack.sequence() < story.acked)
      basis_->Violate("attempt {}: window {} was acknowledged, now only {} are", ack.attempt_id(), story.acked,
                      ack.sequence());
    if (ack.sequence() > story.made.size())
      basis_->Violate("attempt {}: {} windows are acknowledged, {} were made", ack.attempt_id(), ack.sequence(),
                      story.made.size());
    story.acked = std::max(story.acked, ack.sequence());
  }
  if (!message.has_finished_ack()) return;
  stories_[message.finished_ack().attempt_id()].answered = true;
  if (!message.finished_ack().accepted()) return;
  Story& story = stories_[message.finished_ack().attempt_id()];
  if (story.said.empty())
    basis_->Violate("attempt {}: an end is accepted that nobody has told", message.finished_ack().attempt_id());
  else if (story.said.size() == 1)
    story.accepted = *story.said.begin();
}

}  // namespace rsg::sim
