#include "agent/protocol/delivery.hpp"

#include <algorithm>
#include <utility>

namespace rsg::agent {

Delivery::Delivery(const v1::Assign& assign, std::string device_name, const v1::Settings& settings)
    : attempt_id_(assign.attempt_id()),
      lease_token_(assign.lease_token()),
      device_name_(std::move(device_name)),
      spool_(settings.max_spooled_windows()) {
  ApplySettings(settings);
}

Delivery::Delivery(KeptAttempt kept, const v1::Settings& settings)
    : attempt_id_(kept.assign.attempt_id()),
      lease_token_(kept.assign.lease_token()),
      device_name_(kept.started ? kept.started->device_name() : ""),
      restored_(true),
      spool_(settings.max_spooled_windows(), std::move(kept.windows), kept.end.final_sequence()),
      started_(kept.started.has_value()),
      finish_(std::move(kept.end)) {
  ApplySettings(settings);
  Detach();
}

void Delivery::ApplySettings(const v1::Settings& settings) {
  settings_ = settings;
  patience_ = 3 * settings.heartbeat_seconds();
  spool_.set_capacity(settings.max_spooled_windows());
}

bool Delivery::Add(const v1::Window& window, double now) {
  if (!spool_.Add(window)) return false;
  if (spool_.unsent() == 1) flush_at_ = now + settings_.flush_seconds();
  return true;
}

void Delivery::Detach() {
  resumed_ = false;
  started_sent_ = false;
  ends_told_ = 0;
  flush_at_ = -kNever;
  windows_again_at_ = kNever;
  finish_again_at_ = -kNever;
}

Delivery::AckResult Delivery::Ack(std::uint32_t sequence, double now) {
  if (!resumed_) {
    resumed_ = true;
    if (sequence <= spool_.last() && spool_.Rewind(sequence)) return AckResult::kTaken;
    spool_.Discard();
    return AckResult::kLost;
  }
  if (sequence > spool_.last()) return AckResult::kUnknown;
  const std::uint32_t before = spool_.acked();
  spool_.Ack(sequence);
  if (spool_.acked() > before) windows_again_at_ = spool_.in_flight() > 0 ? now + patience_ : kNever;
  return AckResult::kTaken;
}

void Delivery::Fence() {
  fenced_ = true;
  resumed_ = true;
  spool_.Discard();
}

std::uint32_t Delivery::Room(std::uint32_t elsewhere) const {
  const std::uint32_t taken = spool_.in_flight() + elsewhere;
  return settings_.max_unacked() > taken ? settings_.max_unacked() - taken : 0;
}

bool Delivery::WindowsDue(double now, std::uint32_t elsewhere) const {
  if (spool_.unsent() == 0 || Room(elsewhere) == 0) return false;
  const bool full = spool_.unsent() >= std::max(1u, settings_.max_unacked() / 2);
  return full || finish_.has_value() || now >= flush_at_;
}

std::optional<v1::AgentMessage> Delivery::Next(double now, std::uint32_t elsewhere) {
  if (!resumed_) return std::nullopt;
  if (started_ && !started_sent_ && !fenced_) {
    started_sent_ = true;
    v1::AgentMessage message;
    *message.mutable_attempt_started() = StartedRecord();
    return message;
  }
  if (now >= windows_again_at_) {
    windows_again_at_ = kNever;
    spool_.Rewind(spool_.acked());
    flush_at_ = -kNever;
  }
  if (WindowsDue(now, elsewhere)) {
    v1::AgentMessage message;
    v1::WindowBatch* batch = message.mutable_window_batch();
    batch->set_attempt_id(attempt_id_);
    batch->set_lease_token(lease_token_);
    spool_.Take(Room(elsewhere), batch);
    if (windows_again_at_ == kNever) windows_again_at_ = now + patience_;
    return message;
  }
  if (finish_ && spool_.delivered() && now >= finish_again_at_) {
    finish_again_at_ = now + patience_;
    ++ends_told_;
    return FinishedMessage();
  }
  return std::nullopt;
}

double Delivery::Deadline(std::uint32_t elsewhere) const {
  if (!resumed_) return kNever;
  if (started_ && !started_sent_ && !fenced_) return -kNever;
  double deadline = kNever;
  if (spool_.in_flight() > 0) deadline = windows_again_at_;
  if (WindowsDue(-kNever, elsewhere)) return -kNever;
  if (spool_.unsent() > 0 && Room(elsewhere) > 0) deadline = std::min(deadline, flush_at_);
  if (finish_ && spool_.delivered()) deadline = std::min(deadline, finish_again_at_);
  return deadline;
}

v1::AttemptInHand Delivery::InHand() const {
  v1::AttemptInHand attempt;
  attempt.set_attempt_id(attempt_id_);
  attempt.set_lease_token(lease_token_);
  attempt.set_last_sequence(spool_.last());
  attempt.set_finished(finish_.has_value());
  attempt.set_started(started_);
  return attempt;
}

v1::AttemptStarted Delivery::StartedRecord() const {
  v1::AttemptStarted started;
  started.set_attempt_id(attempt_id_);
  started.set_lease_token(lease_token_);
  started.set_device_name(device_name_);
  return started;
}

v1::AgentMessage Delivery::FinishedMessage() const {
  v1::AgentMessage message;
  v1::AttemptFinished* finished = message.mutable_attempt_finished();
  *finished = *finish_;
  finished->set_attempt_id(attempt_id_);
  finished->set_lease_token(lease_token_);
  finished->set_final_sequence(spool_.final_sequence());
  return message;
}

}  // namespace rsg::agent
