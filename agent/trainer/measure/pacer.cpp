#include "agent/trainer/measure/pacer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rsg::trainer {
namespace {

// Even parts instead of whole windows and a sliver, whose noise would stand beside the others as an equal.
double EvenPart(double left, double usual) { return left / std::max(1.0, std::round(left / usual)); }

}  // namespace

Pacer::Pacer(const v1::Limits& limits, std::uint32_t batch_size)
    : limits_(limits), most_steps_(std::numeric_limits<std::uint32_t>::max() / batch_size) {
  if (limits.has_target_half_width()) precision_stop_.emplace(limits.target_half_width());
}

std::optional<Pacer::Plan> Pacer::Next(double elapsed) {
  const double start = elapsed + Expect(true).seconds + Expect(false).seconds;
  if (start >= limits_.max_seconds()) return Stop(v1::STOP_REASON_LIMIT);
  measuring_ = measuring_ || !WarmingUp(start);
  return measuring_ ? NextMeasured(start) : NextWarmUp(start);
}

void Pacer::Observe(std::uint32_t steps, double seconds) {
  const bool warm_up = under_way_.front().plan.warm_up;
  under_way_.pop_front();
  Expected& kind = warm_up ? warmed_up_ : measured_;
  kind.steps += steps;
  kind.seconds += seconds;
  step_seconds_ = seconds / steps;
  if (warm_up) {
    warm_up_end_.Add(step_seconds_);
    return;
  }
  series_.Add(steps, seconds);
  if (precision_stop_) precise_ = precision_stop_->Reached(series_.values(), series_.windows_each());
}

double Pacer::Progress(double elapsed) const {
  double done = elapsed / limits_.max_seconds();
  if (limits_.has_seconds()) done = std::max(done, measured_.seconds / limits_.seconds());
  if (limits_.has_n_batches())
    done = std::max(done, static_cast<double>(measured_.steps) / static_cast<double>(limits_.n_batches()));
  if (limits_.has_target_half_width()) {
    // The half-width shrinks with the root of the number of windows.
    const auto interval = EstimateInterval(series_.values());
    if (interval && interval->half_width > 0)
      done = std::max(done, std::pow(limits_.target_half_width() * interval->mean / interval->half_width, 2));
  }
  return precise_ ? 1.0 : std::min(done, 1.0);
}

Pacer::Expected Pacer::Expect(bool warm_up) const {
  Expected sum;
  for (const UnderWay& window : under_way_) {
    if (window.plan.warm_up != warm_up) continue;
    sum.steps += window.plan.steps;
    sum.seconds += window.expected_seconds;
  }
  return sum;
}

double Pacer::WindowSeconds() const {
  if (limits_.has_n_batches() || limits_.has_target_half_width()) return kShortestWindow;
  const double asked = limits_.has_seconds() ? limits_.seconds() : limits_.max_seconds();
  return std::clamp(asked / 100, kShortestWindow, kLongestWindow);
}

double Pacer::WarmUpCap() const {
  return limits_.has_seconds() ? std::max(kWarmUpSeconds, limits_.seconds() / 2) : kWarmUpCap;
}

bool Pacer::WarmingUp(double start) const {
  const Expected expected = Expect(true);
  const std::uint32_t steps = warmed_up_.steps + expected.steps;
  const double seconds = warmed_up_.seconds + expected.seconds;
  if (steps == 0) return true;
  if (start >= limits_.max_seconds() / 2) return false;
  if (steps < kWarmUpSteps || seconds < kWarmUpSeconds) return true;
  return seconds < WarmUpCap() && !warm_up_end_.Settled();
}

std::optional<Pacer::Plan> Pacer::NextWarmUp(double start) {
  const double left =
      std::min(WarmUpCap() - warmed_up_.seconds - Expect(true).seconds, limits_.max_seconds() / 2 - start);
  const double seconds = std::clamp(left, 0.0, WindowSeconds());
  return Start(std::ceil(seconds / step_seconds_), most_steps_, true);
}

std::optional<Pacer::Plan> Pacer::NextMeasured(double start) {
  if (precise_) return Stop(v1::STOP_REASON_PRECISION);
  const Expected expected = Expect(false);
  const std::uint32_t steps = measured_.steps + expected.steps;
  const bool some = steps > 0;
  const std::uint32_t most = limits_.has_n_batches() ? std::min(limits_.n_batches(), most_steps_) : most_steps_;
  if (steps >= most) return Stop(most < most_steps_ ? v1::STOP_REASON_N_BATCHES : v1::STOP_REASON_LIMIT);

  const double room = limits_.max_seconds() - start;
  if (some && step_seconds_ > room) return Stop(v1::STOP_REASON_LIMIT);
  double seconds = std::min(WindowSeconds(), room);
  if (limits_.has_seconds()) {
    const double left = limits_.seconds() - measured_.seconds - expected.seconds;
    if (some && left < step_seconds_ / 2) return Stop(v1::STOP_REASON_SECONDS);
    seconds = std::min(EvenPart(left, WindowSeconds()), room);
  }
  double wanted = std::round(seconds / step_seconds_);
  if (limits_.has_n_batches()) wanted = std::ceil(EvenPart(most - steps, std::max(wanted, 1.0)));
  return Start(wanted, most - steps, false);
}

// `steps` may be anything that a division by an unknown or tiny step time gives.
std::optional<Pacer::Plan> Pacer::Start(double steps, std::uint32_t most_steps, bool warm_up) {
  Plan plan{.steps = 1, .warm_up = warm_up};
  if (step_seconds_ > 0 && steps > 1) plan.steps = steps < most_steps ? static_cast<std::uint32_t>(steps) : most_steps;
  under_way_.push_back({plan, plan.steps * step_seconds_});
  return plan;
}

std::optional<Pacer::Plan> Pacer::Stop(v1::StopReason reason) {
  stop_reason_ = reason;
  return std::nullopt;
}

}  // namespace rsg::trainer
