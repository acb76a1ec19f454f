#include "agent/trainer/measure/summary.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "agent/trainer/measure/interval.hpp"

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

double RelativeHalfWidth(const Series& series) {
  const auto interval = EstimateInterval(series.values());
  return interval ? interval->half_width / interval->mean : 0;
}

void FillInterval(const Series& series, v1::Result* result) {
  if (series.size() == 0) return;
  std::vector<double> sorted(series.values().begin(), series.values().end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  const double upper = *middle;
  const double median = sorted.size() % 2 == 1 ? upper : (*std::max_element(sorted.begin(), middle) + upper) / 2;
  const double batch_size = static_cast<double>(result->samples()) / result->steps();
  result->set_median(batch_size / median);
  const double relative = RelativeHalfWidth(series);
  if (series.size() < kFewestForInterval || relative >= 1) return;
  result->set_ci_low(result->throughput() / (1 + relative));
  result->set_ci_high(result->throughput() / (1 - relative));
}

}  // namespace rsg::trainer
