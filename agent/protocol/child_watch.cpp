#include "agent/protocol/child_watch.hpp"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "agent/protocol/text.hpp"
#include "common/duration.hpp"
#include "common/version.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMaxError = 4 << 10;
constexpr std::size_t kMaxLogTail = 16 << 10;
constexpr double kLeastPatience = 1;  // with the end of a child that was killed: much memory takes its time
constexpr int kExitOutOfMemory = 3;
constexpr int kExitUnsupported = 4;

bool SameCell(const v1::Cell& a, const v1::Cell& b) {
  return a.model() == b.model() && a.batch_size() == b.batch_size() && a.image_size() == b.image_size() &&
         a.precision() == b.precision() && a.memory_format() == b.memory_format() &&
         a.script().sha256() == b.script().sha256();
}

std::string LastLine(const std::string& log) {
  const std::size_t end = log.find_last_not_of(" \n\t");
  if (end == std::string::npos) return "";
  const std::size_t newline = log.find_last_of('\n', end);
  return log.substr(newline == std::string::npos ? 0 : newline + 1,
                    end - (newline == std::string::npos ? -1 : newline));
}

}  // namespace

ChildWatch::ChildWatch(const v1::Assign& assign, double kill_after, double now)
    : attempt_id_(assign.attempt_id()),
      cell_(assign.cell()),
      limits_(assign.limits()),
      kill_after_(kill_after),
      max_runtime_(assign.max_runtime_seconds()),
      spawned_at_(now) {}

void ChildWatch::Spawned(double now) {
  spawned_at_ = now;
  overrun_at_ = now + max_runtime_;
}

const v1::Window* ChildWatch::Hear(const v1::TrainerEvent& event, double now, Actions* actions) {
  if (decided_) return nullptr;
  if (finished_) {
    HearNonsense("it went on after its last line", now, actions);
    return nullptr;
  }
  if (event.has_started()) {
    CheckStarted(event.started(), now, actions);
    return nullptr;
  }
  // A trainer that cannot even build its model finishes without having started.
  if (event.has_finished()) {
    finished_ = event.finished();
    leave_by_ = now + kill_after_;
    return nullptr;
  }
  const v1::Window& window = event.window();
  if (!started_at_) {
    HearNonsense("a window came before it said that it had started", now, actions);
  } else if (window.sequence() != sequence_ + 1) {
    HearNonsense(absl::StrCat("window ", window.sequence(), " came after window ", sequence_), now, actions);
  } else if (window.start_seconds() < last_start_seconds_) {
    HearNonsense(absl::StrCat("window ", window.sequence(), " began before the one ahead of it"), now, actions);
  } else {
    sequence_ = window.sequence();
    last_start_seconds_ = window.start_seconds();
    return &window;
  }
  return nullptr;
}

void ChildWatch::CheckStarted(const v1::TrainerStarted& started, double now, Actions* actions) {
  if (started.protocol_version() != kProtocolVersion) {
    HearNonsense(absl::StrCat("it speaks protocol ", started.protocol_version(), " and the agent ", kProtocolVersion,
                              "; install rsg-trainer and rsg-agent of one version"),
                 now, actions);
  } else if (started_at_) {
    HearNonsense("it said twice that it had started", now, actions);
  } else if (!SameCell(started.cell(), cell_)) {
    HearNonsense(absl::StrCat("it runs another cell than the one asked for: ", started.cell().ShortDebugString()), now,
                 actions);
  } else {
    started_at_ = now;
  }
}

void ChildWatch::HearNonsense(const std::string& reason, double now, Actions* actions) {
  Abort(v1::OUTCOME_FAILED, absl::StrCat("the trainer spoke nonsense: ", reason), now, actions);
}

void ChildWatch::Stop(v1::Outcome outcome, const std::string& reason, double now, Actions* actions) {
  if (Decide(outcome, reason)) Terminate(now, actions);
}

void ChildWatch::Abort(v1::Outcome outcome, const std::string& reason, double now, Actions* actions) {
  Decide(outcome, reason);
  KillNow(now, actions);
}

bool ChildWatch::Decide(v1::Outcome outcome, const std::string& reason) {
  if (decided_) return false;
  decided_ = Decision{outcome, OneLine(reason, kMaxError)};
  return true;
}

void ChildWatch::Terminate(double now, Actions* actions) {
  if (terminated_ || killed_at_) return;
  terminated_ = true;
  kill_at_ = now + kill_after_;
  actions->emplace_back(agent::Terminate{});
}

void ChildWatch::KillNow(double now, Actions* actions) {
  if (killed_at_) return;
  killed_at_ = now;
  kill_at_ = kNever;
  complain_at_ = now + std::max(kill_after_, kLeastPatience);
  actions->emplace_back(Kill{});
}

// Nothing ends a process that waits in the kernel for a GPU or a disk that hangs, and without it the device is not
// free.
void ChildWatch::Complain(double now, Actions* actions) {
  const double lived = now - *killed_at_;
  complain_at_ = now + lived;
  actions->emplace_back(
      Log{LogLevel::kWarning,
          absl::StrCat(attempt_id_, ": the trainer still lives ", FormatDuration(std::round(lived)),
                       " after SIGKILL, so its device gets no other job; if it stays, restart the machine (dmesg may "
                       "say what hangs)"),
          FieldsOf(attempt_id_)});
}

void ChildWatch::Tick(double now, Actions* actions) {
  if (now >= overrun_at_ && !finished_)
    Stop(v1::OUTCOME_FAILED, absl::StrCat("ran longer than its max_runtime of ", FormatDuration(max_runtime_)), now,
         actions);
  // It has delivered; a device that hangs while it is let go of does not spoil what was measured.
  if (now >= leave_by_) Terminate(now, actions);
  if (now >= kill_at_) KillNow(now, actions);
  if (now >= complain_at_) Complain(now, actions);
}

double ChildWatch::Deadline() const {
  if (killed_at_) return complain_at_;
  if (terminated_) return kill_at_;
  return finished_ ? leave_by_ : overrun_at_;
}

ChildWatch::Decision ChildWatch::Judge(const ChildExited& exit) const {
  if (decided_) return *decided_;
  if (finished_ && finished_->outcome() == v1::OUTCOME_CANCELLED)
    return {v1::OUTCOME_FAILED, "the trainer was interrupted by a signal that did not come from its agent"};
  if (finished_) return {finished_->outcome(), OneLine(finished_->error(), kMaxError)};
  const std::string last = LastLine(CleanTail(exit.log_tail, 256));
  const std::string said = last.empty() ? "; it said nothing" : absl::StrCat("; its last words: ", last);
  if (exit.signal != 0)
    return {v1::OUTCOME_FAILED, absl::StrCat("the trainer was killed by ", SignalName(exit.signal), said)};
  if (exit.exit_code == kExitOutOfMemory) return {v1::OUTCOME_OUT_OF_MEMORY, absl::StrCat("out of memory", said)};
  if (exit.exit_code == kExitUnsupported)
    return {v1::OUTCOME_UNSUPPORTED, absl::StrCat("not supported on this device", said)};
  if (exit.exit_code == 0) return {v1::OUTCOME_FAILED, absl::StrCat("the trainer ended without a result", said)};
  return {v1::OUTCOME_FAILED, absl::StrCat("the trainer exited with code ", exit.exit_code, said)};
}

v1::AttemptFinished ChildWatch::Exited(const ChildExited& exit, double now) const {
  const Decision decision = Judge(exit);
  v1::AttemptFinished end;
  end.set_outcome(decision.outcome);
  end.set_runtime_seconds(std::max(0.0, now - spawned_at_));
  if (decision.outcome == v1::OUTCOME_COMPLETED) {
    *end.mutable_result() = finished_->result();
    return end;
  }
  end.set_error(decision.reason.empty() ? "the trainer gave no reason" : decision.reason);
  end.set_log_tail(CleanTail(exit.log_tail, kMaxLogTail));
  return end;
}

v1::AttemptFinished ChildWatch::NeverRan(v1::Outcome outcome, const std::string& reason) const {
  v1::AttemptFinished end;
  end.set_outcome(decided_ ? decided_->outcome : outcome);
  end.set_error(decided_ ? decided_->reason : OneLine(reason, kMaxError));
  return end;
}

double ChildWatch::SecondsLeft(double now) const {
  double asked = limits_.max_seconds();
  // The trainer warms up for a second or half of what it measures, whichever is longer, at most.
  if (limits_.has_seconds()) asked = std::min(asked, limits_.seconds() + std::max(1.0, limits_.seconds() / 2));
  return std::max(0.0, asked - (now - started_at_.value_or(now)));
}

}  // namespace rsg::agent
