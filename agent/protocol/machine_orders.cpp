// What the coordinator says, and what the agent makes of it. Every order may come twice, late, or of an attempt that is
// long forgotten.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "agent/protocol/machine.hpp"
#include "agent/protocol/settings.hpp"
#include "agent/protocol/text.hpp"
#include "common/validate.hpp"
#include "common/version.hpp"
#include "common/words.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMaxRefusals = 64;
constexpr std::size_t kMaxForgotten = 64;
constexpr std::size_t kMaxReason = 4 << 10;
constexpr std::size_t kMaxAttemptId = 64;

bool IsNamed(const std::string& attempt_id, const std::string& lease_token) {
  return !attempt_id.empty() && attempt_id.size() <= kMaxAttemptId && IsHex(lease_token, 32);
}

std::string Because(const std::string& reason) {
  return reason.empty() ? "" : absl::StrCat(": ", OneLine(reason, 512));
}

}  // namespace

void Machine::On(const Received& received) {
  const v1::CoordinatorMessage& message = received.message;
  if (link_ == Link::kDialling && !message.has_welcome()) return Hangup("its first message was no welcome");
  if (link_ != Link::kAttached && link_ != Link::kDialling) return;
  spool_was_full_ = false;
  switch (message.message_case()) {
    case v1::CoordinatorMessage::kWelcome:
      return Obey(message.welcome());
    case v1::CoordinatorMessage::kAssign:
      return Obey(message.assign());
    case v1::CoordinatorMessage::kAck:
      return Obey(message.ack());
    case v1::CoordinatorMessage::kCancel:
      return Obey(message.cancel());
    case v1::CoordinatorMessage::kFinishedAck:
      return Obey(message.finished_ack());
    case v1::CoordinatorMessage::kDrain:
      return Obey(message.drain());
    case v1::CoordinatorMessage::kExit:
      return Obey(message.exit());
    case v1::CoordinatorMessage::MESSAGE_NOT_SET:
      return;  // of a newer coordinator; nothing that we could do about it
  }
}

void Machine::Obey(const v1::Welcome& welcome) {
  if (link_ == Link::kAttached) return;
  if (welcome.protocol_version() != kProtocolVersion) {
    Say(Log::Level::kError, absl::StrCat("the coordinator (version ", OneLine(welcome.coordinator_version(), 64),
                                         ") speaks protocol ", welcome.protocol_version(), " and this agent ",
                                         kProtocolVersion, "; install agent and coordinator of one version"));
    return Leave(kExitRefused);
  }
  settings_ = Sanitize(welcome.settings());
  link_ = Link::kAttached;
  // The Hello may have been sent before the drain began.
  heartbeat_at_ = draining_ ? now_ : now_ + settings_.heartbeat_seconds();
  answer_by_ = kNever;
  dialler_.Welcomed(welcome, now_, &actions_);
  if (hands_.empty()) return;
  for (InHand& hand : hands_) hand.delivery.ApplySettings(settings_);
  answer_by_ = now_ + 6 * settings_.heartbeat_seconds();
}

const v1::Device* Machine::FindDevice(const std::string& device_id) const {
  for (const v1::Device& device : config_.machine.devices()) {
    if (device.id() == device_id) return &device;
  }
  return nullptr;
}

bool Machine::WasInHand(const std::string& attempt_id, const std::string& lease_token) const {
  return std::find(forgotten_.begin(), forgotten_.end(), std::pair(attempt_id, lease_token)) != forgotten_.end();
}

std::optional<std::string> Machine::Refuses(const v1::Assign& assign) const {
  for (const InHand& hand : hands_) {
    if (hand.assign.attempt_id() == assign.attempt_id()) return "its id is in use under another lease token";
  }
  if (WasInHand(assign.attempt_id(), assign.lease_token())) return "this attempt has ended on this agent already";
  if (FindDevice(assign.device_id()) == nullptr)
    return absl::StrCat("device ", OneLine(assign.device_id(), 64), " is not on this machine");
  if (draining_ || stop_code_) return "the agent is draining";
  if (hands_.size() >= kMaxAttemptsInHand) return "the agent has too many attempts in hand";
  return std::nullopt;
}

void Machine::Obey(const v1::Assign& assign) {
  if (!IsNamed(assign.attempt_id(), assign.lease_token()))
    return Say(Log::Level::kError, "the coordinator assigned an attempt without a proper id and lease token; ignored");
  const InHand* same = Find(assign.attempt_id());
  if (same != nullptr && same->assign.lease_token() == assign.lease_token()) return;
  if (const auto reason = Refuses(assign))
    return Refuse(assign.attempt_id(), assign.lease_token(), v1::OUTCOME_LOST, *reason);
  absl::Status valid = Validate(assign.cell());
  if (valid.ok()) valid = Validate(assign.limits());
  if (valid.ok() && !(std::isfinite(assign.max_runtime_seconds()) && assign.max_runtime_seconds() > 0))
    valid = absl::InvalidArgumentError("max_runtime_seconds: is no positive time");
  if (!valid.ok())
    return Refuse(assign.attempt_id(), assign.lease_token(), v1::OUTCOME_FAILED,
                  absl::StrCat("the agent cannot take this job: ", valid.message()));
  const v1::Device& device = *FindDevice(assign.device_id());
  hands_.push_back(
      InHand{.assign = assign, .child = std::nullopt, .delivery = Delivery(assign, device.name(), settings_)});
}

void Machine::Refuse(const std::string& attempt_id, const std::string& lease_token, v1::Outcome outcome,
                     const std::string& reason) {
  for (const Refusal& refusal : refusals_) {
    if (refusal.message.attempt_id() == attempt_id && refusal.message.lease_token() == lease_token) return;
  }
  Say(Log::Level::kWarning, absl::StrCat(OneLine(attempt_id, kMaxAttemptId), ": refused: ", reason),
      FieldsOf(attempt_id));
  if (refusals_.size() >= kMaxRefusals) refusals_.pop_front();
  v1::AttemptFinished message;
  message.set_attempt_id(attempt_id);
  message.set_lease_token(lease_token);
  message.set_outcome(outcome);
  message.set_error(OneLine(reason, kMaxReason));
  refusals_.push_back({.message = std::move(message), .sent = false});
}

void Machine::Obey(const v1::Ack& ack) {
  InHand* hand = Find(ack.attempt_id());
  if (hand == nullptr) return;
  const std::uint32_t acked = hand->delivery.acked_sequence();
  const Delivery::AckResult result = hand->delivery.Ack(ack.sequence(), now_);
  if (hand->delivery.acked_sequence() > acked)
    actions_.emplace_back(Release{ack.attempt_id(), hand->delivery.acked_sequence()});
  if (AllResumed()) answer_by_ = kNever;
  if (result == Delivery::AckResult::kUnknown)
    Say(Log::Level::kError,
        absl::StrCat(ack.attempt_id(), ": the coordinator acknowledged window ", ack.sequence(),
                     ", which was never made; ignored"),
        FieldsOf(ack.attempt_id()));
  if (result == Delivery::AckResult::kLost)
    EndAsLost(hand,
              absl::StrCat("the coordinator's windows end at ", ack.sequence(),
                           hand->delivery.restored()
                               ? ", and the next ones did not outlive the agent's earlier process"
                               : ", which does not fit what it had acknowledged; was it restored from a backup?"));
}

void Machine::Obey(const v1::Cancel& cancel) {
  const std::string reason = absl::StrCat("cancelled", Because(cancel.reason()));
  InHand* hand = Find(cancel.attempt_id());
  if (hand == nullptr) {
    // Its Assign never came through; the answer lets the coordinator close the attempt.
    if (IsNamed(cancel.attempt_id(), cancel.lease_token()) && !WasInHand(cancel.attempt_id(), cancel.lease_token()))
      Refuse(cancel.attempt_id(), cancel.lease_token(), v1::OUTCOME_CANCELLED, reason);
    return;
  }
  if (!cancel.lease_token().empty() && cancel.lease_token() != hand->assign.lease_token()) return;
  if (hand->child) {
    if (!hand->child->end_decided())
      Say(Log::Level::kInfo, absl::StrCat(cancel.attempt_id(), ": ", reason), FieldsOf(cancel.attempt_id()));
    hand->child->Stop(v1::OUTCOME_CANCELLED, reason, now_, &actions_);
  } else if (IsQueued(*hand) || !hand->delivery.all_stored()) {
    // A measurement whose windows nobody wants is none; one that is stored whole keeps its end.
    EndWithout(hand, v1::OUTCOME_CANCELLED, reason);
  }
  hand->delivery.Fence();
  if (AllResumed()) answer_by_ = kNever;
}

void Machine::Obey(const v1::FinishedAck& ack) {
  if (const auto late = late_answers_.find(ack.attempt_id()); late != late_answers_.end()) {
    if (--late->second == 0) late_answers_.erase(late);
    return;
  }
  const auto refusal = std::find_if(refusals_.begin(), refusals_.end(), [&](const Refusal& it) {
    return it.sent && it.message.attempt_id() == ack.attempt_id();
  });
  if (refusal != refusals_.end()) {
    refusals_.erase(refusal);
    return;
  }
  InHand* hand = Find(ack.attempt_id());
  if (hand == nullptr) return;
  if (!hand->delivery.finished()) {
    // The coordinator holds it for ended although it runs, or is to: as good as a cancel.
    v1::Cancel cancel;
    cancel.set_attempt_id(ack.attempt_id());
    cancel.set_reason(ack.reason());
    return Obey(cancel);
  }
  if (!ack.accepted())  // of what was cancelled nobody expects otherwise
    Say(hand->delivery.fenced() ? Log::Level::kInfo : Log::Level::kWarning,
        absl::StrCat(ack.attempt_id(), ": not accepted by the coordinator", Because(ack.reason())),
        FieldsOf(ack.attempt_id()));
  Forget(ack.attempt_id());
}

void Machine::Forget(const std::string& attempt_id) {
  const InHand& over = *Find(attempt_id);
  if (late_answers_.size() >= kMaxForgotten) late_answers_.clear();
  if (over.delivery.ends_told() > 1) late_answers_[attempt_id] = over.delivery.ends_told() - 1;
  if (forgotten_.size() >= kMaxForgotten) forgotten_.pop_front();
  forgotten_.emplace_back(attempt_id, over.assign.lease_token());
  HandBackPrunedBy(over);
  actions_.emplace_back(Release{attempt_id, std::nullopt});
  hands_.remove_if([&](const InHand& hand) { return hand.assign.attempt_id() == attempt_id; });
  if (AllResumed()) answer_by_ = kNever;
}

void Machine::Obey(const v1::Drain& drain) {
  if (draining_) return;
  Say(Log::Level::kInfo, absl::StrCat("the coordinator asked to drain", Because(drain.reason())));
  Drain();
}

void Machine::Obey(const v1::Exit& exit) {
  Say(Log::Level::kError, absl::StrCat("the coordinator told this agent to end", Because(exit.reason())));
  Leave(1);
}

}  // namespace rsg::agent
