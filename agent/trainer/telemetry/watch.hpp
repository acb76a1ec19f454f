// All that a run has to do with its machine's state, behind one object: readings into windows and result, the thermal
// gate before the measurement, the soak after it, the verdict.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/trainer/telemetry/monitor.hpp"
#include "agent/trainer/telemetry/soak.hpp"
#include "agent/trainer/telemetry/verdict.hpp"
#include "agent/trainer/telemetry/warming.hpp"
#include "common/clock.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

struct WatchOptions {
  std::string thermal_gate{};  ///< file of the device's settled temperature; empty: no gate
  double soak_seconds = 0;     ///< 0: no soak
  bool on_cpu = false;         ///< the device that trains
  std::string unread{};        ///< why a GPU's state is not read; empty: it is, or there is no GPU
  double reading_period = kReadingPeriod;
};

/// Used by one thread; starts another one for the readings.
class Watch {
 public:
  /// Begins to read at once, and the thermal gate's time with it. `clock` must outlive this and be the loop's.
  Watch(std::unique_ptr<Reader> reader, const WatchOptions& options, const Clock& clock);

  /// The loop's questions (LoopParts). KeepSoaking is asked when all measured windows have been observed.
  bool KeepWarming();
  bool KeepSoaking();

  enum class Phase { kWarming, kMeasuring, kSoaking };
  /// To be called as each window ends: sets its telemetry, and says to what it belongs. Warm-up belongs to measuring.
  Phase Observe(v1::Window* window);
  /// To be called when all has been measured: a device that has become hotter than its file of the thermal gate says
  /// settles higher under such a load, and the next run is to know.
  void RememberWarmth();
  /// Of the soak, 0 to 1.
  double SoakShare() const;
  /// Whether the file of the thermal gate could be written.
  absl::Status GateStatus() const { return warming_ ? warming_->status() : absl::OkStatus(); }

  /// Sets telemetry, device_limits, the soak's fields, verdict and evidence by what was measured so far. A
  /// drained_share is taken into account when `result` has it; `steady` and `unsteadiness` as in Circumstances.
  void Fill(v1::Result* result, bool steady, const std::string& unsteadiness) const;

 private:
  const double soak_seconds_;
  const bool on_cpu_;
  const std::string unread_;
  Monitor monitor_;
  std::optional<Warming> warming_;
  Soak soak_;
  TelemetrySummary soaked_;
  Phase phase_ = Phase::kMeasuring;
};

}  // namespace rsg::trainer
