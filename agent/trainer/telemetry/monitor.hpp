// Watches the machine while a run trains: a sampler, and what its readings say of each window and of the whole.
#pragma once
#include <memory>
#include <optional>

#include "agent/trainer/telemetry/combine.hpp"
#include "agent/trainer/telemetry/reader.hpp"
#include "agent/trainer/telemetry/sampler.hpp"
#include "common/clock.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Used by one thread; the readings are taken on another.
class Monitor {
 public:
  /// Asks `reader` for the limits and the first reading before it returns. `clock` must outlive this and be the one by
  /// which the windows' wall_seconds are taken.
  Monitor(std::unique_ptr<Reader> reader, const Clock& clock, double period_seconds = kReadingPeriod);

  /// To be called when `window` has just ended, by the host: sets its telemetry from the readings of its last
  /// wall_seconds. On a GPU the host knows of a window's end only when it has waited for it, so these are the host's
  /// times, late by as much as the wait's return; to readings a tenth of a second apart that is nothing.
  void Observe(v1::Window* window);

  /// Sets telemetry and device_limits as the measured windows so far have them; leaves out what was never read.
  void Fill(v1::Result* result) const;

  struct Temperature {
    double time;
    double celsius;
  };
  /// The newest there is.
  std::optional<Temperature> NewestTemperature();

 private:
  void TakeReadings();

  const Clock& clock_;
  const v1::DeviceLimits limits_;
  Sampler sampler_;
  WindowTelemetry readings_;
  TelemetrySummary measured_;
  std::optional<Temperature> temperature_;
};

}  // namespace rsg::trainer
