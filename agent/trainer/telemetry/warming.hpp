// The thermal gate of a run: asks the monitor, and remembers in a file at which temperature the device settled.
#pragma once
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/trainer/telemetry/monitor.hpp"
#include "agent/trainer/telemetry/thermal_gate.hpp"
#include "common/clock.hpp"

namespace rsg::trainer {

/// The temperature that is remembered in `path`; nothing when there is none that makes sense (0 to 150 °C).
std::optional<double> ReadSettledTemperature(const std::string& path);
/// WriteFile's errors.
absl::Status WriteSettledTemperature(const std::string& path, double celsius);

/// Used by one thread. A trainer lives for one job, the file for as long as its owner wants: so a machine's first cell
/// is warmed until its temperature has settled, a later one until it is near that again. A device without a
/// thermometer is not warmed.
class Warming {
 public:
  /// Begins now. `file` is the device's own. Both others must outlive this.
  Warming(std::string file, Monitor* monitor, const Clock& clock);

  /// Whether to train on unmeasured. Writes the file when it first says no.
  bool KeepOn();
  /// After the measurement: writes the newest temperature when that is more than kNearCelsius above the remembered one.
  /// A light cell settles lower than a heavy one, which must not pass the gate by its temperature again and again.
  void RememberWarmth();
  /// Of writing the file.
  const absl::Status& status() const { return status_; }

 private:
  void Remember(double celsius);

  const std::string file_;
  Monitor* const monitor_;
  const Clock& clock_;
  std::optional<double> remembered_;  // in the file
  ThermalGate gate_;
  ThermalGate::State state_ = ThermalGate::State::kWarming;
  absl::Status status_;
};

}  // namespace rsg::trainer
