#include "agent/trainer/telemetry/thermal_gate.hpp"

#include <cmath>

namespace rsg::trainer {

void ThermalGate::Feed(double time, double celsius) {
  newest_ = time;
  points_.push_back({time, celsius});
  while (points_.size() > 2 && points_[1].time <= time - kSettledSeconds) points_.pop_front();
}

ThermalGate::State ThermalGate::Check(double now) {
  if (state_ == State::kWarming) state_ = Decide(now);
  return state_;
}

ThermalGate::State ThermalGate::Decide(double now) const {
  if (settled_ && !points_.empty() && points_.back().celsius >= *settled_ - kNearCelsius) return State::kNear;
  if (IsSettled()) return State::kSettled;
  if (now - newest_ >= kBlindSeconds) return State::kBlind;
  if (now - start_ >= kMostGateSeconds) return State::kTimeUp;
  return State::kWarming;
}

bool ThermalGate::IsSettled() const {
  if (points_.size() < 3 || points_.back().time - points_.front().time < kSettledSeconds) return false;
  const double n = static_cast<double>(points_.size());
  double time = 0;
  double celsius = 0;
  for (const Point& point : points_) {
    time += point.time / n;
    celsius += point.celsius / n;
  }
  double above = 0;
  double below = 0;
  for (const Point& point : points_) {
    above += (point.time - time) * (point.celsius - celsius);
    below += (point.time - time) * (point.time - time);
  }
  return std::abs(above / below) * kSettledSeconds < kSettledCelsius;
}

std::optional<double> ThermalGate::Remember() const {
  if (points_.empty()) return std::nullopt;
  if (state_ == State::kTimeUp) return points_.back().celsius;
  if (state_ != State::kSettled) return std::nullopt;
  double sum = 0;
  for (const Point& point : points_) sum += point.celsius;
  return sum / static_cast<double>(points_.size());
}

}  // namespace rsg::trainer
