#include "agent/trainer/measure/interval.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace rsg::trainer {
namespace {

constexpr std::size_t kBatches = 16;
constexpr double kWidened = 1.1;
constexpr double kMostCorrelated = 0.98;
constexpr double kLeastEffective = 20;
constexpr double kLookAgainAt = 1.4;
constexpr double kRounding = 1e-12;

double MeanOf(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Sum of squared distances from `mean`, and of the products of neighbours'.
struct Moments {
  double squares = 0;
  double neighbours = 0;
};
Moments MomentsOf(std::span<const double> values, double mean) {
  Moments sum;
  double previous = 0;  // nothing before the first
  for (const double value : values) {
    const double distance = value - mean;
    sum.squares += distance * distance;
    sum.neighbours += distance * previous;
    previous = distance;
  }
  return sum;
}

double BatchMeansHalfWidth(std::span<const double> values) {
  const std::size_t size = values.size() / kBatches;
  const auto used = values.last(size * kBatches);
  std::array<double, kBatches> means{};
  for (std::size_t i = 0; i < kBatches; ++i) means[i] = MeanOf(used.subspan(i * size, size));
  const double squares = MomentsOf(means, MeanOf(means)).squares;
  constexpr double kDegrees = kBatches - 1;
  return StudentQuantile(kDegrees) * std::sqrt(squares / kDegrees / kBatches);
}

}  // namespace

double StudentQuantile(double degrees) {
  constexpr double z = 1.959964;  // the normal distribution's
  constexpr double z3 = z * z * z;
  constexpr double z5 = z3 * z * z;
  constexpr double z7 = z5 * z * z;
  constexpr double z9 = z7 * z * z;
  const double d = std::max(degrees, 2.0);
  // Abramowitz and Stegun 26.7.5.
  return z + (z3 + z) / 4 / d + (5 * z5 + 16 * z3 + 3 * z) / 96 / (d * d) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384 / (d * d * d) +
         (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / 92160 / (d * d * d * d);
}

std::optional<Interval> EstimateInterval(std::span<const double> values) {
  if (values.size() < kFewestForInterval) return std::nullopt;
  const double n = static_cast<double>(values.size());
  Interval interval{.mean = MeanOf(values), .values = values.size()};
  const Moments moments = MomentsOf(values, interval.mean);
  // What is only rounding has no correlation worth the name.
  if (moments.squares > n * std::pow(kRounding * interval.mean, 2))
    interval.correlation = std::clamp((n * moments.neighbours / moments.squares + 1) / (n - 3), 0.0, kMostCorrelated);
  const double r = interval.correlation;
  const double inflation = (1 + r) / (1 - r);
  // The sample's own mean takes part of the variance with it, the more the fewer values stand for themselves.
  const double variance = moments.squares / (n - 1) / std::max(1 - (inflation - 1) / n, 0.2);
  interval.half_width =
      StudentQuantile(n * (1 - r * r) / (3 + r * r)) * std::sqrt(std::max(variance * inflation, 0.0) / n);
  if (values.size() >= 2 * kBatches) interval.half_width = std::max(interval.half_width, BatchMeansHalfWidth(values));
  interval.half_width *= kWidened;
  return interval;
}

bool PrecisionStop::Reached(std::span<const double> values, std::size_t windows_each) {
  const std::size_t windows = values.size() * windows_each;
  if (reached_ || windows < next_look_) return reached_;
  next_look_ = static_cast<std::size_t>(std::ceil(kLookAgainAt * static_cast<double>(windows)));
  const auto interval = EstimateInterval(values);
  reached_ =
      interval && interval->half_width <= target_ * interval->mean && interval->EffectiveValues() >= kLeastEffective;
  return reached_;
}

}  // namespace rsg::trainer
