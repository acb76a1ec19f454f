// How an agent comes to its end: it drains, then tells what is left, then leaves.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "agent/protocol/machine.hpp"
#include "common/duration.hpp"

namespace rsg::agent {
namespace {

constexpr double kStopSeconds = 1;        // to tell the coordinator, when asked to stop at once
constexpr double kHandBackSeconds = 1.5;  // the same, at the end of a drain that took too long

}  // namespace

void Machine::On(const StopAsked& asked) {
  ++stops_asked_;
  if (stops_asked_ == 1) {
    const InHand* running = Running();
    Drain();
    drain_by_ = now_ + config_.drain_limit_seconds;
    if (hands_.empty()) return;
    const InHand& hand = running != nullptr ? *running : hands_.back();
    const double left = hand.child ? hand.child->SecondsLeft(now_) : 0;
    Say(Log::Level::kInfo,
        absl::StrCat("draining: ", hand.child ? "finishing " : "delivering ", hand.assign.attempt_id(),
                     left > 0 ? absl::StrCat(" (up to ", FormatDuration(std::ceil(left)), " left)") : "", "; ",
                     asked.signal == 2 ? "press again" : "signal again", " to stop now"),
        FieldsOf(hand.assign.attempt_id()));
    return;
  }
  if (stops_asked_ == 2) return StopNow(128 + asked.signal, kStopSeconds, "the agent was stopped");
  Leave(128 + asked.signal);
}

void Machine::Drain() {
  draining_ = true;
  HandBackQueue("the agent is draining");
  if (link_ == Link::kAttached) heartbeat_at_ = now_;  // so that the coordinator hears of it at once
}

void Machine::StopNow(int code, double patience, const std::string& reason) {
  drain_by_ = kNever;
  stop_code_ = code;
  stop_by_ = now_ + patience;
  HandBackQueue(reason);
  InHand* running = Running();
  if (running == nullptr) return;
  Say(Log::Level::kWarning, absl::StrCat("stopping ", running->assign.attempt_id(), " unfinished"),
      FieldsOf(running->assign.attempt_id()));
  running->delivery.Discard();
  EndAsLost(running, reason);
}

void Machine::Leave(int code) {
  if (Running() != nullptr) actions_.emplace_back(Kill{});
  actions_.emplace_back(Exit{code});
  done_ = true;
}

bool Machine::StopWhenDue(bool tick) {
  if (tick && now_ >= drain_by_) {
    drain_by_ = kNever;
    StopNow(0, kHandBackSeconds, "the agent was stopped and its drain limit is over");
  }
  if (stop_code_) {
    const bool nothing_to_tell = hands_.empty() || (link_ != Link::kAttached && Running() == nullptr);
    if ((tick && now_ >= stop_by_) || nothing_to_tell) Leave(*stop_code_ == 0 && !hands_.empty() ? 1 : *stop_code_);
  } else if (draining_ && hands_.empty()) {
    Say(Log::Level::kInfo, "drained");
    Leave(0);
  }
  return done_;
}

}  // namespace rsg::agent
