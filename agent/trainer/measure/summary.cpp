#include "agent/trainer/measure/summary.hpp"

#include <cmath>

namespace rsg::trainer {

void Summary::Add(const v1::Window& window) {
  if (window.warm_up()) {
    warm_up_seconds_ += window.seconds();
    return;
  }
  ++windows_;
  steps_ += window.steps();
  samples_ += window.samples();
  seconds_ += window.seconds();
  wall_seconds_ += window.wall_seconds();
  const double throughput = window.samples() / window.seconds();
  const double distance = throughput - mean_;
  mean_ += distance / windows_;
  squares_ += distance * (throughput - mean_);
}

double Summary::Throughput() const { return empty() ? 0 : samples_ / seconds_; }

void Summary::Fill(v1::Result* result) const {
  result->set_throughput(Throughput());
  result->set_windows(windows_);
  result->set_steps(steps_);
  result->set_samples(samples_);
  result->set_seconds(seconds_);
  result->set_wall_seconds(wall_seconds_);
  result->set_warm_up_seconds(warm_up_seconds_);
  result->set_window_cv(windows_ > 1 ? std::sqrt(squares_ / (windows_ - 1)) / mean_ : 0);
}

}  // namespace rsg::trainer
