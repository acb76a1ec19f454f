// A soak: training that goes on after the measurement, to show what a device sustains. Pure.
#pragma once
#include <cstdint>
#include <optional>

#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Not thread-safe.
class Soak {
 public:
  /// Lasts about `seconds` of the windows' wall time.
  explicit Soak(double seconds) : wanted_(seconds) {}

  bool KeepOn() const { return elapsed_ < wanted_; }
  void Add(const v1::Window& window);
  double seconds() const { return elapsed_; }

  /// Samples per second, total samples over total device time, of the windows that ended in the second half of what was
  /// wanted: by then a device has taken on the temperature that it keeps. Nothing before the first of them.
  std::optional<double> Sustained() const;

 private:
  const double wanted_;
  double elapsed_ = 0;
  double samples_ = 0;  // of the second half
  double seconds_ = 0;
};

}  // namespace rsg::trainer
