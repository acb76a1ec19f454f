// Ratios of alternating pairs, as the benchmarks report them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace rsg::bench {

struct Interval {
  double middle, low, high;
};

/// Geometric mean of ratios with its 95 % interval by Student's t (Cornish-Fisher expansion of the quantile, good to
/// 0.1 % from 10 degrees of freedom on).
inline Interval MeanRatio(const std::vector<double>& ratios) {
  const double n = static_cast<double>(ratios.size());
  double sum = 0;
  for (const double ratio : ratios) sum += std::log(ratio);
  const double mean = sum / n;
  double squares = 0;
  for (const double ratio : ratios) squares += (std::log(ratio) - mean) * (std::log(ratio) - mean);
  constexpr double z = 1.959964;
  const double df = n - 1;
  const double t = z + (z * z * z + z) / (4 * df) + (5 * std::pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * df * df);
  const double half = t * std::sqrt(squares / df / n);
  return {std::exp(mean), std::exp(mean - half), std::exp(mean + half)};
}

inline double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// One line: the mean ratio, its interval, and whether that reaches 1.00.
inline void Print(const char* name, const Interval& ratio) {
  std::printf("%-20s%.4f, 95 %% interval %.4f to %.4f%s\n", name, ratio.middle, ratio.low, ratio.high,
              ratio.high >= 1 ? "" : "  (does not reach 1.00)");
}

}  // namespace rsg::bench
