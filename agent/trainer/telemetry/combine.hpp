// Makes a window's telemetry of readings, and a result's of its windows'. Pure: fed with readings and times.
#pragma once
#include <deque>
#include <map>

#include "agent/trainer/telemetry/reader.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// A reading says how things are from its moment until the next one, but not longer than this (seconds): a reader that
/// hangs must not speak for all the time since.
inline constexpr double kReadingHolds = 1.0;

/// Readings on their way into windows. Not thread-safe.
class WindowTelemetry {
 public:
  /// Takes the next reading; their times increase.
  void Add(const Reading& reading);

  /// What the readings say of the time from `begin` to `end`, by the readings' clock, `begin` not before the last
  /// call's `end`. Clocks, temperature and power are means weighted by the time for which a reading holds, the shares
  /// are shares of that time; the memory is the highest, the PCIe link the last. Energy and CPU load come from
  /// counters: their rate between the last reading before `begin` and the last one before `end`, for a counter is not
  /// read at a window's very ends. `readings` counts those within the window; without any, nothing is set. Forgets what
  /// no later window needs.
  v1::Telemetry Take(double begin, double end);

 private:
  std::deque<Reading> readings_;
};

/// Adds windows' telemetry up, in fixed memory. Not thread-safe.
class TelemetrySummary {
 public:
  /// `seconds` is the window's length, by which it counts. A window without readings counts for nothing.
  void Add(const v1::Telemetry& window, double seconds);

  /// Means by time over the windows in which a field was there, the highest memory, the last PCIe link. The energy is
  /// the sum over all windows; where some lack it they are taken to have spent as much a second as the others, and
  /// where those are more than a tenth of the time it is absent.
  v1::Telemetry Total() const;

 private:
  struct Mean {
    double sum = 0;
    double seconds = 0;
  };
  std::map<int, Mean> means_;  // by field number
  Mean energy_;                // joules, over the windows that have them
  double seconds_ = 0;         // of all windows
  v1::Telemetry rest_;         // readings, memory, PCIe link
};

}  // namespace rsg::trainer
