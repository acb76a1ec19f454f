#include "ledger.hpp"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "common/cells.hpp"
#include "common/words.hpp"
#include "coordinator/schedule/records.hpp"

namespace rsg::sim {

void Ledger::Spawned(std::size_t box, const std::string& instance, const v1::Assign& assign) {
  Story& story = Of(assign.attempt_id(), assign.lease_token());
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

Story& Ledger::Of(const std::string& attempt, const std::string& token) {
  const auto forgotten = forgotten_.find({attempt, token});
  return forgotten == forgotten_.end() ? stories_[attempt] : forgotten->second;
}

void Ledger::Made(const v1::Assign& assign, const v1::Window& window) {
  Of(assign.attempt_id(), assign.lease_token()).made.push_back(window);
}

void Ledger::Measured(const v1::Assign& assign, const v1::Result& result) {
  Story& story = Of(assign.attempt_id(), assign.lease_token());
  story.measured = true;
  story.result = result;
}

void Ledger::Said(const v1::AgentMessage& message, const v1::Settings& settings) {
  if (message.has_hello() && message.hello().attempts_size() > 64)
    basis_->Violate("an agent has {} attempts in hand", message.hello().attempts_size());
  if (message.has_window_batch()) {
    const v1::WindowBatch& batch = message.window_batch();
    const Story& story = Of(batch.attempt_id(), batch.lease_token());
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
  Story& story = Of(finished.attempt_id(), finished.lease_token());
  story.said.insert(finished.outcome());
  if (!finished.has_result()) {
    if (absl::StrContains(finished.error(), "restored from a backup") && !was_put_back())
      basis_->Violate("attempt {}: {}", finished.attempt_id(), finished.error());
  } else if (!story.measured || finished.result().SerializeAsString() != story.result->SerializeAsString()) {
    basis_->Violate("attempt {}: the agent reports a result that its trainer did not measure", finished.attempt_id());
  }
}

void Ledger::Complained(std::size_t box, const std::string& text) {
  for (const char* never : {"without a proper id", "which was never made"})
    if (absl::StrContains(text, never)) basis_->Violate("agent {} complains: {}", box, text);
}

void Ledger::Kept(const std::string& attempt, const std::string& token, bool well, bool result) {
  Story& story = Of(attempt, token);
  story.holes |= !well;
  if (well && result) story.kept = !story.holes;
}

void Ledger::SpoolHurt(std::size_t box) {
  const auto hurt = [&](std::size_t other) {
    if (other == box) return true;
    return std::any_of(copies_.begin(), copies_.end(), [&](const auto& copies) {
      return copies.second.contains(box) && copies.second.contains(other);
    });
  };
  for (auto& [attempt, story] : stories_) {
    if (!story.spawned || story.accepted || !hurt(story.box)) continue;
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

void Ledger::Started(const Process& process) {
  processes_[process.instance] = process;
  copies_[process.credential].insert(process.box);
}

bool Ledger::Overtaken(const std::string& instance) const {
  const auto process = processes_.find(instance);
  if (process == processes_.end()) return false;
  return std::any_of(processes_.begin(), processes_.end(), [&](const auto& other) {
    return other.first != instance && other.second.credential == process->second.credential &&
           other.second.start >= process->second.start;
  });
}

bool Ledger::IsCopied(const std::string& credential_sha256) const {
  const auto boxes = copies_.find(credential_sha256);
  return boxes != copies_.end() && boxes->second.size() > 1;
}

bool Ledger::HasRivals(const std::string& instance) const {
  const auto process = processes_.find(instance);
  return process != processes_.end() && IsCopied(process->second.credential);
}

Promises Ledger::Remember(const std::set<std::string>& attempts) const {
  Promises promises{.attempts = {}, .enrolled = enrolled_, .submitted = submitted_, .ended = ended_};
  for (const std::string& attempt : attempts) {
    Promises::OfAttempt& of = promises.attempts[attempt];
    if (const auto story = stories_.find(attempt); story != stories_.end())
      of = {.acked = story->second.acked, .accepted = story->second.accepted};
  }
  return promises;
}

void Ledger::PutBack(const Promises& promises) {
  ++put_back_;
  enrolled_ = promises.enrolled;
  submitted_ = promises.submitted;
  ended_ = promises.ended;
  for (auto story = stories_.begin(); story != stories_.end();) {
    const auto of = promises.attempts.find(story->first);
    if (of == promises.attempts.end()) {
      forgotten_[{story->first, story->second.token}] = std::move(story->second);
      story = stories_.erase(story);
      continue;
    }
    story->second.acked = of->second.acked;
    story->second.accepted = of->second.accepted;
    story->second.put_back |= !of->second.accepted;
    ++story;
  }
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
  if (message.has_assign()) stories_[message.assign().attempt_id()].token = message.assign().lease_token();
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
