// Synthetic series of seconds per step, as a device with a mean of 1 would give them; seeds fix them.
#pragma once
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

namespace rsg::trainer {

class Synthetic {
 public:
  explicit Synthetic(unsigned seed) : generator_(seed) {}

  /// A stationary first-order autoregressive series with mean 1: `cv` is its coefficient of variation, `phi` the
  /// correlation of neighbours; white noise with phi = 0.
  std::vector<double> Autoregressive(std::size_t n, double phi, double cv) {
    std::vector<double> values(n);
    double state = Normal();
    for (double& value : values) {
      value = 1 + cv * state;
      state = phi * state + std::sqrt(1 - phi * phi) * Normal();
    }
    return values;
  }
  /// White noise around a line that ends `change` above its beginning.
  std::vector<double> Drifting(std::size_t n, double change, double cv) {
    auto values = Autoregressive(n, 0, cv);
    for (std::size_t i = 0; i < n; ++i) values[i] += change * static_cast<double>(i) / static_cast<double>(n - 1);
    return values;
  }
  /// White noise whose mean jumps by `change` after the share `at`.
  std::vector<double> Stepping(std::size_t n, double change, double at, double cv) {
    auto values = Autoregressive(n, 0, cv);
    for (std::size_t i = 0; i < n; ++i)
      if (static_cast<double>(i) >= at * static_cast<double>(n)) values[i] += change;
    return values;
  }
  /// Each value drawn from one of two levels, `apart` from each other.
  std::vector<double> Bimodal(std::size_t n, double apart, double cv) {
    auto values = Autoregressive(n, 0, cv);
    std::bernoulli_distribution upper(0.4);
    for (double& value : values) value += upper(generator_) ? apart : 0;
    return values;
  }
  /// A first value nine times as long, then a settling with the time constant `tau` (in values) from 1 + `excess`.
  std::vector<double> Settling(std::size_t n, double excess, double tau, double cv) {
    auto values = Autoregressive(n, 0, cv);
    for (std::size_t i = 0; i < n; ++i) values[i] += excess * std::exp(-static_cast<double>(i) / tau);
    values[0] = 9;
    return values;
  }

 private:
  double Normal() { return normal_(generator_); }
  std::mt19937_64 generator_;
  std::normal_distribution<double> normal_;
};

}  // namespace rsg::trainer
