#include "agent/trainer/measure/steady.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/str_format.h"
#include "agent/trainer/measure/interval.hpp"

namespace rsg::trainer {
namespace {

constexpr std::size_t kFewestAfterTruncation = 8;
constexpr double kAgree = 0.0025;
constexpr double kAgreeErrors = 1.5;
constexpr std::size_t kFewestToJudge = 16;
constexpr std::size_t kFewestInSegment = 4;
constexpr double kShift = 0.01;
constexpr double kStandsOut = 6;
constexpr double kApart = 4;
constexpr double kShareOfLevel = 0.1;

double Square(double x) { return x * x; }

double MeanOf(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double SquaresOf(std::span<const double> values, double mean) {
  return std::transform_reduce(values.begin(), values.end(), 0.0, std::plus<>(),
                               [mean](double value) { return Square(value - mean); });
}

/// Sums of the first i values and of their squares, so that every segment's mean and squares take one subtraction.
/// Values are taken relative to their overall mean: no digits are lost.
class Segments {
 public:
  explicit Segments(std::span<const double> values) : sums_(values.size() + 1), squares_(values.size() + 1) {
    const double mean = MeanOf(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double distance = values[i] - mean;
      sums_[i + 1] = sums_[i] + distance;
      squares_[i + 1] = squares_[i] + Square(distance);
    }
  }
  /// Sum of squared distances of values [from, to) from their own mean.
  double Squares(std::size_t from, std::size_t to) const {
    const double sum = sums_[to] - sums_[from];
    return squares_[to] - squares_[from] - Square(sum) / static_cast<double>(to - from);
  }

 private:
  std::vector<double> sums_;
  std::vector<double> squares_;
};

/// The first value worth keeping, in the first half of at least kFewestAfterTruncation values.
std::size_t TruncationPoint(std::span<const double> values) {
  const Segments segments(values);
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  const std::size_t last = std::min(values.size() / 2, values.size() - kFewestAfterTruncation);
  for (std::size_t from = 0; from <= last; ++from) {
    const double error = segments.Squares(from, values.size()) / Square(static_cast<double>(values.size() - from));
    if (error < least) {
      least = error;
      best = from;
    }
  }
  return best;
}

/// The split that explains most of the series, with the means on its two sides.
struct Split {
  std::size_t at = 0;
  double before = 0;
  double after = 0;
  double unexplained = std::numeric_limits<double>::infinity();
};
Split BestSplit(std::span<const double> values, std::size_t least_in_part) {
  const Segments segments(values);
  Split best;
  for (std::size_t at = least_in_part; at + least_in_part <= values.size(); ++at) {
    const double left = segments.Squares(0, at) + segments.Squares(at, values.size());
    if (left < best.unexplained) best = {.at = at, .unexplained = left};
  }
  best.before = MeanOf(values.first(best.at));
  best.after = MeanOf(values.subspan(best.at));
  return best;
}

/// Standard error of the difference of two segments' means, neighbours' correlation included.
double ErrorOfShift(std::span<const double> values, const Split& split) {
  std::vector<double> residuals(values.begin(), values.end());
  for (std::size_t i = 0; i < residuals.size(); ++i) residuals[i] -= i < split.at ? split.before : split.after;
  const auto around = EstimateInterval(residuals);
  const double n = static_cast<double>(values.size());
  const double correlation = around ? around->correlation : 0;
  const double variance = split.unexplained / (n - 2) * (1 + correlation) / (1 - correlation);
  const double before = static_cast<double>(split.at);
  return std::sqrt(std::max(variance, 0.0) * (1 / before + 1 / (n - before)));
}

/// What a straight line leaves unexplained, and how far it goes from the first value to the last.
struct Line {
  double unexplained = 0;
  double change = 0;  ///< relative to its beginning
};
Line FitLine(std::span<const double> values) {
  const double n = static_cast<double>(values.size());
  const double mean = MeanOf(values);
  const double middle = (n - 1) / 2;
  double products = 0;
  for (std::size_t i = 0; i < values.size(); ++i) products += (static_cast<double>(i) - middle) * (values[i] - mean);
  const double slope = products / (n * (n * n - 1) / 12);
  return {.unexplained = SquaresOf(values, mean) - slope * products,
          .change = slope * (n - 1) / (mean - slope * middle)};
}

/// Change of throughput, in words, when seconds per step grow by the share `growth`.
std::string ChangeText(double growth) {
  const double change = 1 / (1 + growth) - 1;
  return absl::StrFormat("%s by %.1f %%", change < 0 ? "fell" : "rose", 100 * std::abs(change));
}

std::string ShiftEvidence(std::span<const double> values) {
  const Split split = BestSplit(values, kFewestInSegment);
  const double growth = split.after / split.before - 1;
  if (std::abs(growth) < kShift) return "";
  if (std::abs(split.after - split.before) < kStandsOut * ErrorOfShift(values, split)) return "";
  const Line line = FitLine(values);
  if (line.unexplained < split.unexplained)
    return absl::StrFormat("throughput %s steadily over the measurement", ChangeText(line.change));
  return absl::StrFormat("throughput %s after %.0f %% of the measurement", ChangeText(growth),
                         100 * static_cast<double>(split.at) / static_cast<double>(values.size()));
}

std::string LevelsEvidence(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double n = static_cast<double>(sorted.size());
  const auto least = static_cast<std::size_t>(std::ceil(kShareOfLevel * n));
  const Split levels = BestSplit(sorted, std::max<std::size_t>(least, 2));
  const double spread = std::sqrt(std::max(levels.unexplained, 0.0) / (n - 2));
  if (levels.after / levels.before - 1 < kShift || levels.after - levels.before < kApart * spread) return "";
  return absl::StrFormat("throughput switched between two levels %.1f %% apart, the lower one in %.0f %% of the windows",
                         100 * (levels.after / levels.before - 1),
                         100 * (n - static_cast<double>(levels.at)) / n);
}

}  // namespace

void WarmUpEnd::Add(double seconds_per_step) {
  if (values_.size() == kMostWindows) values_.erase(values_.begin(), values_.begin() + kMostWindows / 2);
  values_.push_back(seconds_per_step);
}

bool WarmUpEnd::Settled() const {
  if (values_.size() < kFewestWindows) return false;
  const auto kept = std::span(values_).subspan(TruncationPoint(values_));
  const auto before = kept.first(kept.size() / 2);
  const auto after = kept.subspan(kept.size() / 2);
  const double shift = std::abs(MeanOf(after) - MeanOf(before));
  const double mean = MeanOf(kept);
  const double each = SquaresOf(before, MeanOf(before)) + SquaresOf(after, MeanOf(after));
  const double n = static_cast<double>(kept.size());
  // Both halves have n / 2 values, so the difference of their means has the variance 4 s2 / n.
  return shift <= std::max(kAgree * mean, kAgreeErrors * std::sqrt(each / (n - 2) * 4 / n));
}

Stability JudgeStability(std::span<const double> seconds_per_step) {
  if (seconds_per_step.size() < kFewestToJudge) return {};
  std::string evidence = ShiftEvidence(seconds_per_step);
  if (evidence.empty()) evidence = LevelsEvidence(seconds_per_step);
  return {.steady = evidence.empty(), .evidence = std::move(evidence)};
}

}  // namespace rsg::trainer
