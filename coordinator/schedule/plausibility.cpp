#include "coordinator/schedule/plausibility.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace rsg::schedule {
namespace {

constexpr double kFrozen = 5;  // times the median
// Sums of what was rounded on its way; clocks of two machines; a host's clock beside a device's events.
constexpr double kRounding = 1e-3;
constexpr double kMedianRounding = 0.01;
// Of more windows the trainer joins neighbours (agent/trainer/measure/series.hpp), whose median is another number.
constexpr std::size_t kMostForMedian = 2048;
constexpr double kClockShare = 0.01;
constexpr double kClockSeconds = 1;
constexpr double kOverlapShare = 0.02;
constexpr double kOverlapSeconds = 0.05;
// Of the peak: a probe on a machine that others use, too, may fall a little short. Without autocast there may be
// Winograd's convolutions, which multiply up to four times less than is counted; the trainer knows where there are
// none.
constexpr double kMostOfPeak = 1.1;
constexpr double kMostByWinograd = 4;

using Taints = std::vector<std::string>;

bool Differ(double a, double b, double share) { return std::abs(a - b) > share * std::max(std::abs(a), std::abs(b)); }

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double End(const MeasuredWindow& window) { return window.start_seconds + window.seconds; }

// The measured windows are the last but for a soak, which counts as warm-up: they are neighbours.
std::span<const MeasuredWindow> Measured(std::span<const MeasuredWindow> windows) {
  const auto is_measured = [](const MeasuredWindow& window) { return !window.warm_up; };
  const auto first = std::find_if(windows.begin(), windows.end(), is_measured);
  return {first, std::find_if_not(first, windows.end(), is_measured)};
}

void LookForGaps(std::span<const MeasuredWindow> measured, Taints* taints) {
  std::vector<double> took;
  std::vector<double> of_a_step;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const MeasuredWindow& window = measured[i];
    double seconds = std::max(window.seconds, window.wall_seconds);
    if (i + 1 < measured.size()) seconds = std::max(seconds, measured[i + 1].start_seconds - window.start_seconds);
    took.push_back(seconds);
    of_a_step.push_back(seconds / window.steps);
  }
  const double median = Median(of_a_step);
  std::size_t gaps = 0;
  std::size_t worst = 0;
  const auto excess = [&](std::size_t i) { return took[i] - median * measured[i].steps; };
  for (std::size_t i = 0; i < took.size(); ++i) {
    if (of_a_step[i] <= kFrozen * median || excess(i) < kLeastGapSeconds) continue;
    if (gaps++ == 0 || excess(i) > excess(worst)) worst = i;
  }
  if (gaps == 0) return;
  taints->push_back(fmt::format("frozen for {:.1f} s: {} of {} measured windows took over {:.0f} times the median",
                                excess(worst), gaps, took.size(), kFrozen));
}

void CheckOrder(std::span<const MeasuredWindow> measured, Taints* taints) {
  double seconds = 0;
  bool overlap = false;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    seconds += measured[i].seconds;
    const double slack = kOverlapShare * measured[i].seconds + kOverlapSeconds;
    overlap = overlap || (i + 1 < measured.size() && measured[i + 1].start_seconds + slack < End(measured[i]));
  }
  const double span = End(measured.back()) - measured.front().start_seconds;
  if (overlap || seconds > span * (1 + kOverlapShare) + kOverlapSeconds) {
    taints->emplace_back("its windows overlap");
  } else if (span > 2 * seconds + kLeastGapSeconds) {
    taints->push_back(fmt::format("{:.1f} s are measured of the {:.1f} s in which its windows lie", seconds, span));
  }
}

void CheckSums(std::span<const MeasuredWindow> measured, const v1::Result& result, Taints* taints) {
  std::uint64_t steps = 0;
  std::uint64_t samples = 0;
  double seconds = 0;
  std::vector<double> of_a_sample;  // seconds; the trainer's median is of these, and it differs from that of the rates
  for (const MeasuredWindow& window : measured) {
    steps += window.steps;
    samples += window.samples;
    seconds += window.seconds;
    of_a_sample.push_back(window.seconds / window.samples);
  }
  if (result.windows() != measured.size() || result.steps() != steps || result.samples() != samples)
    taints->push_back(fmt::format("it tells of {} windows and {} samples, {} and {} were reported", result.windows(),
                                  result.samples(), measured.size(), samples));
  const double throughput = static_cast<double>(samples) / seconds;
  if (Differ(result.throughput(), throughput, kRounding) || Differ(result.seconds(), seconds, kRounding))
    taints->push_back(fmt::format("its windows give {:.6g} samples/s, not {:.6g}", throughput, result.throughput()));
  if (measured.size() > kMostForMedian || !(result.median() > 0)) return;
  if (const double median = 1 / Median(of_a_sample); Differ(result.median(), median, kMedianRounding))
    taints->push_back(
        fmt::format("the median of its windows is {:.6g} samples/s, not {:.6g}", median, result.median()));
}

void CheckTime(std::span<const MeasuredWindow> windows, double elapsed_seconds, Taints* taints) {
  double last = 0;
  double seconds = 0;
  for (const MeasuredWindow& window : windows) {
    last = std::max(last, End(window));
    seconds += window.seconds;
  }
  const double longest = std::max(last, seconds);
  if (longest <= elapsed_seconds * (1 + kClockShare) + kClockSeconds) return;
  taints->push_back(fmt::format("its windows last {:.1f} s, but the attempt was over {:.1f} s after it was handed out",
                                longest, elapsed_seconds));
}

void CheckPhysics(const v1::Result& result, Taints* taints) {
  const v1::Physics& physics = result.physics();
  if (!(physics.flop_per_sample() > 0)) return;
  const double flops = physics.flop_per_sample() * result.throughput();
  if (Differ(physics.flops(), flops, kRounding))
    taints->push_back(fmt::format("it tells of {:.4g} FLOP/s, its throughput comes to {:.4g}", physics.flops(), flops));
  if (!physics.has_peak_flops()) return;
  const double share = flops / physics.peak_flops();
  const double most = result.flags().autocast() || !physics.plausible() ? 1 : kMostByWinograd;
  if (share > kMostOfPeak * most)
    taints->push_back(fmt::format("{:.0f} % of what the device reaches in matrix products cannot be", 100 * share));
}

}  // namespace

std::vector<std::string> FindTaints(std::span<const MeasuredWindow> windows, const v1::Result& result,
                                    double elapsed_seconds) {
  Taints taints;
  const auto measured = Measured(windows);
  if (measured.empty()) {
    taints.emplace_back("none of its windows was measured");
  } else {
    LookForGaps(measured, &taints);
    CheckOrder(measured, &taints);
    CheckSums(measured, result, &taints);
  }
  CheckTime(windows, elapsed_seconds, &taints);
  CheckPhysics(result, &taints);
  if (result.stop_reason() == v1::STOP_REASON_SIGNAL) taints.emplace_back("it was interrupted");
  return taints;
}

}  // namespace rsg::schedule
