// Windows of attempts: taken in sequence, each once.
#include <algorithm>

#include <fmt/format.h>

#include "common/validate.hpp"
#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {
namespace {

// Windows of one attempt: a day of the shortest ones, or so many for each second that it may run. More is an agent that
// fills the disk.
constexpr double kMostWindows = 1'000'000;
constexpr double kMostPerSecond = 50;
constexpr double kMostAnyway = 1000;

bool Contiguous(const v1::WindowBatch& batch) {
  for (int i = 1; i < batch.windows_size(); ++i)
    if (batch.windows(i).sequence() != batch.windows(i - 1).sequence() + 1) return false;
  return true;
}

}  // namespace

std::uint32_t Coordinator::MostWindows(const Attempt& attempt) const {
  const double runtime = MaxRuntimeSeconds(LimitsOf(sweeps_.at(attempt.key.job.sweep), attempt.key.job.job));
  return static_cast<std::uint32_t>(std::min(kMostWindows, kMostAnyway + kMostPerSecond * runtime));
}

void Coordinator::OnWindows(Agent& agent, v1::WindowBatch& batch, const Now& now, Effects& effects) {
  Attempt* attempt = FindAttempt(agent, batch.attempt_id(), batch.lease_token());
  if (attempt == nullptr) return RefuseStale(agent, batch.attempt_id(), batch.lease_token(), "window", effects);
  if (batch.windows().empty()) return SendAck(*attempt, effects);
  if (batch.windows(0).sequence() > attempt->last_sequence + 1 || !Contiguous(batch)) {
    Reject(agent, "gap",
           fmt::format("attempt {}: windows from {} on leave a gap after {}; asked to send them again",
                       Id(attempt->key), batch.windows(0).sequence(), attempt->last_sequence),
           effects, FieldsOf(Id(attempt->key)));
    return SendAck(*attempt, effects);
  }
  const std::uint32_t batch_size = sweeps_.at(attempt->key.job.sweep).cell(attempt->key.job.job).cell.batch_size();
  absl::Status valid = rsg::Validate(batch, batch_size, settings_.max_unacked);
  const std::uint32_t last = batch.windows(batch.windows_size() - 1).sequence();
  if (const std::uint32_t most = MostWindows(*attempt); valid.ok() && last > most)
    valid = absl::InvalidArgumentError(fmt::format("sequence: {}; this attempt has at most {} windows", last, most));
  if (!valid.ok()) {
    const std::string why = fmt::format("the agent reported windows that cannot be: {}", std::string(valid.message()));
    Reject(agent, "window", fmt::format("attempt {}: {}", Id(attempt->key), why), effects, FieldsOf(Id(attempt->key)));
    return CancelAttempt(*attempt, {.outcome = v1::OUTCOME_FAILED, .error = why}, why, now, effects);
  }
  if (last > attempt->last_sequence) {
    Start(*attempt, now, effects);
    TakeWindows(*attempt, batch, effects);
  }
  SendAck(*attempt, effects);
}

void Coordinator::TakeWindows(Attempt& attempt, v1::WindowBatch& batch, Effects& effects) {
  AppendWindows append{.key = attempt.key, .lease_token = attempt.token, .windows = {}};
  append.windows.reserve(static_cast<std::size_t>(batch.windows_size()));
  for (v1::Window& window : *batch.mutable_windows()) {
    if (window.sequence() <= attempt.last_sequence) continue;  // sent again; it is stored
    attempt.last_sequence = window.sequence();
    if (!window.warm_up()) {
      attempt.measured_seconds += window.seconds();
      attempt.measured_samples += window.samples();
    }
    append.windows.push_back(std::move(window));
  }
  effects.changes.emplace_back(std::move(append));
}

void Coordinator::SendAck(const Attempt& attempt, Effects& effects) {
  Send send;
  send.session = attempt.agent->session;
  send.message.mutable_ack()->set_attempt_id(Id(attempt.key));
  send.message.mutable_ack()->set_sequence(attempt.last_sequence);
  effects.outgoing.emplace_back(std::move(send));
}

}  // namespace rsg::schedule
