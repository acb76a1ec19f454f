// Time, injected wherever a decision depends on it. Thread-safe.
#pragma once

namespace rsg {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Seconds on a clock that never jumps; only differences mean something. All timeouts and leases run on it.
  virtual double Monotonic() const = 0;
  /// Seconds since 1970-01-01 UTC; for showing and storing, never for deciding.
  virtual double Unix() const = 0;
};

/// The machine's clocks.
const Clock& SystemClock();

}  // namespace rsg
