// Whether a series has settled: when warm-up is over, and whether what was measured afterwards kept its level.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace rsg::trainer {

/// Finds the end of warm-up as a change point. Fed with the warm-up windows' seconds per step. Pure; not thread-safe;
/// memory is bounded (what is older than kMostWindows is surely warm-up).
class WarmUpEnd {
 public:
  static constexpr std::size_t kFewestWindows = 10;
  static constexpr std::size_t kMostWindows = 512;

  void Add(double seconds_per_step);
  /// True once the series has settled: what follows the change point, at least 8 windows and half of the series, shows
  /// no further change, its two halves agreeing within 0.25 % or within 1.5 standard errors. The change point is the
  /// truncation in the first half that leaves the mean's standard error smallest (marginal standard error rule, White
  /// 1997). Never under kFewestWindows.
  bool Settled() const;

 private:
  std::vector<double> values_;
};

/// What a measured series looked like.
struct Stability {
  bool steady = true;
  std::string evidence;  ///< in words, when it was not: "throughput fell by 12.3 % after 40 % of the measurement"
};

/// Looks for a jump, a drift and for switching between two levels in seconds per step, oldest first. A jump or drift
/// counts when it changes throughput by over 1 % and stands out from the noise around it, correlation of neighbours
/// included, by 6 standard errors; two levels when they lie over 1 % and over 4 of their own standard deviations apart
/// and each takes a tenth of the time. Fewer than 16 values are called steady: too few to say. Pure.
Stability JudgeStability(std::span<const double> seconds_per_step);

}  // namespace rsg::trainer
