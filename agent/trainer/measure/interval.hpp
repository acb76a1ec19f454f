// How well a mean is known: a 95 % confidence interval that stays honest when neighbours resemble each other and when
// the measurement was stopped because the interval looked narrow enough.
#pragma once
#include <cstddef>
#include <optional>
#include <span>

namespace rsg::trainer {

/// Fewer values than this give no interval.
inline constexpr std::size_t kFewestForInterval = 8;

struct Interval {
  double mean = 0;
  double half_width = 0;   ///< of the 95 % interval, in the values' unit
  double correlation = 0;  ///< of neighbours, estimated without bias, 0..0.98
  std::size_t values = 0;

  /// How many values that know nothing of each other would say as much.
  double EffectiveValues() const { return static_cast<double>(values) * (1 - correlation) / (1 + correlation); }
};

/// The interval of the mean of a stationary series; nothing under kFewestForInterval values. Pure.
///
/// The variance of the mean is the larger one of two estimates. (1) That of a first-order autoregressive series:
/// s2 (1 + r) / (1 - r) / n, where r is the lag-1 correlation freed of its bias (Marriott and Pope 1954:
/// r = (n r' + 1) / (n - 3), never below 0) and Student's quantile has the degrees of freedom that r's own uncertainty
/// leaves, n (1 - r2) / (3 + r2). (2) From 32 values on that of 16 batch means (Schmeiser 1982), which assumes no
/// model. The half-width is widened by a tenth, for a stop that depends on the interval itself favours narrow ones.
/// tests/unit/trainer/coverage_test.cpp shows the coverage.
std::optional<Interval> EstimateInterval(std::span<const double> values);

/// Student's two-sided 95 % quantile, by Cornish and Fisher's expansion; within 1 % from 3 degrees of freedom on.
/// Fewer than 2 degrees count as 2.
double StudentQuantile(double degrees);

/// Decides when a series is known well enough. Looks only now and then (40 windows, then 1.4 times as many each time):
/// who looks after each window stops at the luckiest one. Pure; not thread-safe.
class PrecisionStop {
 public:
  /// `relative_half_width`: of the mean, e.g. 0.005.
  explicit PrecisionStop(double relative_half_width) : target_(relative_half_width) {}

  /// To be asked after each new value; a value stands for `windows_each` windows (a long series joins neighbours).
  /// True once the half-width is small enough and the series is worth at least 20 values that know nothing of each
  /// other; stays true.
  bool Reached(std::span<const double> values, std::size_t windows_each = 1);

 private:
  const double target_;
  std::size_t next_look_ = 40;
  bool reached_ = false;
};

}  // namespace rsg::trainer
