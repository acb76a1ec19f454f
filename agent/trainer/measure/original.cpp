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
  const double first_at = parts.clock.Monotonic();
  double window_began_at = first_at;
  std::uint32_t sequence = 0;
  std::uint32_t steps = 0;
  const auto interrupted = [&] { return parts.interrupted.load(std::memory_order_relaxed) != 0; };
  const auto hand_over = [&](double now, bool warm_up) {
    v1::Window window;
    window.set_sequence(++sequence);
    window.set_steps(steps);
    window.set_samples(steps * batch_size);
    window.set_seconds(now - window_began_at);
    window.set_wall_seconds(now - window_began_at);
    window.set_start_seconds(window_began_at - first_at);
    window.set_warm_up(warm_up);
    window_began_at = now;
    steps = 0;
    return sink(window);
  };
  while (parts.keep_warming && !interrupted() && parts.keep_warming()) {
    do {
      parts.step.Run();
      ++steps;
    } while (!interrupted() && parts.clock.Monotonic() - window_began_at < kLongestWindow);
    (void)parts.step.Loss();  // waits for the device: what is still queued would count as measured
    if (auto status = hand_over(parts.clock.Monotonic(), /*warm_up=*/true); !status.ok()) return status;
  }
  parts.original.Begin(window_began_at = parts.clock.Monotonic());
  while (!interrupted()) {
    parts.step.Run();
    ++steps;
    const double stamp = parts.clock.Monotonic();
    const bool ended = parts.original.Stamp(stamp);
    const bool first = parts.original.measured() == 0;
    if (!first && ended) break;
    if (first || stamp - window_began_at >= kLongestWindow)
      if (auto status = hand_over(stamp, /*warm_up=*/first); !status.ok()) return status;
    if (ended) return absl::OkStatus();
  }
  return steps > 0 ? hand_over(parts.clock.Monotonic(), /*warm_up=*/false) : absl::OkStatus();
}

}  // namespace rsg::trainer
