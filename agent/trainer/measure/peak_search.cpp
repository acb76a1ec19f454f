#include "agent/trainer/measure/peak_search.hpp"

#include <algorithm>
#include <cmath>

namespace rsg::trainer {
namespace {

constexpr std::int64_t kSmallest = 512;
constexpr std::int64_t kLargest = 8192;
constexpr double kTrialSeconds = 0.1;
constexpr double kMostProductSeconds = 0.4;  // so long one product may take, by the time of the size before
constexpr double kMostRepeats = 1e4;
constexpr int kTrials = 3;

}  // namespace

Peak SearchPeak(const FirstProduct& first_product, const ProductSeconds& seconds_of) {
  Peak best;
  for (std::int64_t n = kSmallest; n <= kLargest && first_product(n); n *= 2) {
    const double flop = 2 * std::pow(static_cast<double>(n), 3);
    double product = seconds_of(n, 1);
    const auto repeats = static_cast<std::uint32_t>(std::clamp(kTrialSeconds / product, 1.0, kMostRepeats));
    for (int trial = 0; trial < kTrials; ++trial) product = std::min(product, seconds_of(n, repeats) / repeats);
    if (flop / product > best.flops) best = {.flops = flop / product, .size = n};
    if (8 * product > kMostProductSeconds) break;
  }
  return best;
}

}  // namespace rsg::trainer
