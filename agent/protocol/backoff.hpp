// How long to wait before the next try: full jitter, so that a fleet does not come back all at once. Pure.
#pragma once
#include <algorithm>
#include <functional>
#include <utility>

namespace rsg::agent {

/// Uniform in [0, 1).
using Random = std::function<double()>;

class Backoff {
 public:
  explicit Backoff(Random random) : random_(std::move(random)) {}

  /// Seconds to wait: uniform below min(cap, 0.5 s x 2^n) at the n-th call since Reset.
  double Next(double cap_seconds) {
    const double window = std::min(cap_seconds, window_);
    window_ = std::min(window_ * 2, kLongest);
    return random_() * window;
  }

  void Reset() { window_ = kFirst; }

 private:
  static constexpr double kFirst = 0.5;
  static constexpr double kLongest = 3600;
  Random random_;
  double window_ = kFirst;
};

}  // namespace rsg::agent
