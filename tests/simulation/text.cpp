#include "text.hpp"

#include <fmt/format.h>

#include "common/words.hpp"

namespace rsg::sim {
namespace {

std::string Named(const std::string& attempt, const std::string& token) {
  return fmt::format("{} ({})", attempt, token.substr(0, 6));
}

}  // namespace

std::string Describe(const v1::AgentMessage& message) {
  switch (message.message_case()) {
    case v1::AgentMessage::kHello: {
      std::string text = fmt::format("Hello of process {}", message.hello().instance_id().substr(0, 6));
      for (const v1::AttemptInHand& hand : message.hello().attempts())
        text += fmt::format(", has {} with {} windows{}", Named(hand.attempt_id(), hand.lease_token()),
                            hand.last_sequence(),
                            hand.finished() ? ", finished"
                            : hand.queued() ? ", queued"
                                            : "");
      return text;
    }
    case v1::AgentMessage::kHeartbeat:
      return message.heartbeat().draining() ? "Heartbeat, draining" : "";
    case v1::AgentMessage::kAttemptStarted:
      return fmt::format("AttemptStarted {}",
                         Named(message.attempt_started().attempt_id(), message.attempt_started().lease_token()));
    case v1::AgentMessage::kWindowBatch: {
      const v1::WindowBatch& batch = message.window_batch();
      if (batch.windows().empty()) return "WindowBatch, empty";
      return fmt::format("WindowBatch {}, {} to {}", Named(batch.attempt_id(), batch.lease_token()),
                         batch.windows(0).sequence(), batch.windows(batch.windows_size() - 1).sequence());
    }
    case v1::AgentMessage::kAttemptFinished: {
      const v1::AttemptFinished& finished = message.attempt_finished();
      return fmt::format("AttemptFinished {}, {} after {} windows{}{}",
                         Named(finished.attempt_id(), finished.lease_token()), Word(finished.outcome()),
                         finished.final_sequence(), finished.error().empty() ? "" : ": ", finished.error());
    }
    default:
      return message.ShortDebugString();
  }
}

std::string Describe(const v1::CoordinatorMessage& message) {
  switch (message.message_case()) {
    case v1::CoordinatorMessage::kWelcome:
      return "Welcome";
    case v1::CoordinatorMessage::kAssign:
      return fmt::format(
          "Assign {}, {} at batch size {} on {}", Named(message.assign().attempt_id(), message.assign().lease_token()),
          message.assign().cell().model(), message.assign().cell().batch_size(), message.assign().device_id());
    case v1::CoordinatorMessage::kAck:
      return fmt::format("Ack {}, {} windows", message.ack().attempt_id(), message.ack().sequence());
    case v1::CoordinatorMessage::kCancel:
      return fmt::format("Cancel {}: {}", Named(message.cancel().attempt_id(), message.cancel().lease_token()),
                         message.cancel().reason());
    case v1::CoordinatorMessage::kFinishedAck:
      return fmt::format("FinishedAck {}, {}accepted {}", message.finished_ack().attempt_id(),
                         message.finished_ack().accepted() ? "" : "not ", message.finished_ack().reason());
    default:
      return message.ShortDebugString();
  }
}

std::string Describe(const agent::Event& event) {
  if (const auto* lost = std::get_if<agent::LinkLost>(&event)) return "its stream is over: " + lost->reason;
  if (const auto* received = std::get_if<agent::Received>(&event)) return "hears " + Describe(received->message);
  if (const auto* failed = std::get_if<agent::SpawnFailed>(&event)) return failed->attempt_id + " did not start";
  if (const auto* spawned = std::get_if<agent::Spawned>(&event)) return spawned->attempt_id + " runs";
  if (const auto* garbled = std::get_if<agent::TrainerGarbled>(&event)) return garbled->attempt_id + " is garbled";
  if (const auto* exited = std::get_if<agent::ChildExited>(&event))
    return fmt::format("{} exited, code {}, signal {}", exited->attempt_id, exited->exit_code, exited->signal);
  if (std::holds_alternative<agent::StopAsked>(event)) return "is asked to stop";
  const auto* said = std::get_if<agent::TrainerSaid>(&event);
  if (said == nullptr) return "";
  if (said->event.has_window())
    return fmt::format("{} made window {}", said->attempt_id, said->event.window().sequence());
  return said->attempt_id + (said->event.has_started() ? " says that it started" : " says that it finished");
}

std::string Describe(const agent::Action& action) {
  if (const auto* send = std::get_if<agent::Send>(&action)) {
    const std::string text = Describe(send->message);
    return text.empty() ? "" : "sends " + text;
  }
  if (const auto* log = std::get_if<agent::Log>(&action)) return "\"" + log->text + "\"";
  if (std::holds_alternative<agent::Enrol>(action)) return "enrols";
  if (std::holds_alternative<agent::Dial>(action)) return "dials";
  if (std::holds_alternative<agent::Hangup>(action)) return "hangs up";
  if (std::holds_alternative<agent::Terminate>(action)) return "sends SIGTERM to its trainer";
  if (std::holds_alternative<agent::Kill>(action)) return "kills its trainer";
  return "";
}

}  // namespace rsg::sim
