// Decides how long a device is trained before its first measurement, so that its temperature has settled. Pure: fed
// with times and temperatures.
#pragma once
#include <deque>
#include <optional>

namespace rsg::trainer {

/// Settled: the temperature changes by less than kSettledCelsius in kSettledSeconds. Read in whole degrees, it is taken
/// from the straight line of least squares through the last kSettledSeconds, for a reading that flickers between two
/// degrees is as settled as any.
inline constexpr double kSettledCelsius = 0.5;
inline constexpr double kSettledSeconds = 20;
/// What is no further below the settled temperature than this needs no warming.
inline constexpr double kNearCelsius = 5;
/// Never warmed for longer.
inline constexpr double kMostGateSeconds = 180;
/// A thermometer that says nothing for so long is none.
inline constexpr double kBlindSeconds = 2;

/// Not thread-safe.
class ThermalGate {
 public:
  /// `start`: now. `settled`: the temperature at which the device has settled before, if that is known.
  ThermalGate(double start, std::optional<double> settled) : start_(start), newest_(start), settled_(settled) {}

  /// A temperature read at `time`, no earlier than those before; the newest one may come again.
  void Feed(double time, double celsius);

  enum class State {
    kWarming,  ///< train on
    kNear,     ///< warm enough by the temperature known before
    kSettled,
    kTimeUp,  ///< kMostGateSeconds are over
    kBlind,   ///< there is no thermometer: no gate
  };
  /// How things stand at `now`. What is not kWarming stays.
  State Check(double now);

  /// The temperature to remember: the mean of the last kSettledSeconds when settled, the newest when time was up,
  /// nothing otherwise.
  std::optional<double> Remember() const;

 private:
  struct Point {
    double time;
    double celsius;
  };
  State Decide(double now) const;
  bool IsSettled() const;

  const double start_;
  double newest_;  // time of the newest temperature; the start without one
  const std::optional<double> settled_;
  std::deque<Point> points_;  // of the last kSettledSeconds and the one before
  State state_ = State::kWarming;
};

}  // namespace rsg::trainer
