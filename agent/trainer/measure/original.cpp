#include "agent/trainer/measure/original.hpp"

#include <algorithm>
#include <limits>

namespace rsg::trainer {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double SecondsOf(const v1::Limits& limits) {
  if (limits.has_seconds()) return limits.seconds();
  return limits.has_n_batches() ? kInfinite : kOriginalSeconds;
}

}  // namespace

OriginalClock::OriginalClock(const v1::Limits& limits, std::uint32_t batch_size)
    : limits_(limits),
      seconds_(SecondsOf(limits)),
      most_steps_(std::numeric_limits<std::uint32_t>::max() / batch_size) {}

bool OriginalClock::Stamp(double now) {
  newest_ = now;
  ++stamps_;
  if (stamps_ == 1) started_at_ = now;
  if (measured() > 0 && now - started_at_ >= seconds_) return Stop(v1::STOP_REASON_SECONDS);
  if (limits_.has_n_batches() && measured() >= limits_.n_batches()) return Stop(v1::STOP_REASON_N_BATCHES);
  if (now - began_at_ >= limits_.max_seconds() || measured() >= most_steps_) return Stop(v1::STOP_REASON_LIMIT);
  return false;
}

double OriginalClock::Progress() const {
  double done = std::max((newest_ - started_at_) / seconds_, (newest_ - began_at_) / limits_.max_seconds());
  if (limits_.has_n_batches()) done = std::max(done, static_cast<double>(measured()) / limits_.n_batches());
  return std::min(done, 1.0);
}

bool OriginalClock::Stop(v1::StopReason reason) {
  stop_reason_ = reason;
  return true;
}

absl::Status RunOriginal(const OriginalParts& parts, std::uint32_t batch_size, const WindowSink& sink) {
  const double began_at = parts.clock.Monotonic();
  parts.original.Begin(began_at);
  double window_began_at = began_at;
  std::uint32_t sequence = 0;
  std::uint32_t steps = 0;
  const auto hand_over = [&](double now) {
    v1::Window window;
    window.set_sequence(++sequence);
    window.set_steps(steps);
    window.set_samples(steps * batch_size);
    window.set_seconds(now - window_began_at);
    window.set_wall_seconds(now - window_began_at);
    window.set_start_seconds(window_began_at - began_at);
    window.set_warm_up(sequence == 1);
    window_began_at = now;
    steps = 0;
    return sink(window);
  };
  while (parts.interrupted.load(std::memory_order_relaxed) == 0) {
    parts.step.Run();
    ++steps;
    const double stamp = parts.clock.Monotonic();
    const bool ended = parts.original.Stamp(stamp);
    const bool first = parts.original.measured() == 0;
    if (!first && ended) break;
    if (first || stamp - window_began_at >= kLongestWindow)
      if (auto status = hand_over(stamp); !status.ok()) return status;
    if (ended) return absl::OkStatus();
  }
  return steps > 0 ? hand_over(parts.clock.Monotonic()) : absl::OkStatus();
}

}  // namespace rsg::trainer
