// Adds windows up to a result. Pure; memory does not grow with the number of windows.
#pragma once
#include "agent/trainer/measure/series.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

class Summary {
 public:
  /// Takes the next window, warm-up ones included.
  void Add(const v1::Window& window);
  /// Whether no measured window was added: then there is no result.
  bool empty() const { return windows_ == 0; }
  /// Samples per second of all measured windows so far, total samples over total seconds; 0 while empty.
  double Throughput() const;
  /// Fills in throughput, windows, steps, samples, seconds, wall_seconds, warm_up_seconds and window_cv, the
  /// coefficient of variation (sample standard deviation over mean) of the windows' throughput. Must not be empty.
  void Fill(v1::Result* result) const;

 private:
  std::uint32_t windows_ = 0;
  std::uint32_t steps_ = 0;
  std::uint32_t samples_ = 0;
  double seconds_ = 0;
  double wall_seconds_ = 0;
  double warm_up_seconds_ = 0;
  // Welford 1962: mean and sum of squared deviations of the windows' throughput.
  double mean_ = 0;
  double squares_ = 0;
};

/// The throughput's 95 % confidence interval as a share of it, from the measured windows' seconds per step; 0 when they
/// are too few.
double RelativeHalfWidth(const Series& series);

/// Fills in ci_low, ci_high and median of a result that has its throughput. The interval is that of the seconds per
/// step; it is left out with too few windows, and where it is so wide that it has no upper end. It is the mean's: of a
/// skewed series, say a fifth of slow windows, the median, which is the usual window's, may lie outside.
void FillInterval(const Series& series, v1::Result* result);

}  // namespace rsg::trainer
