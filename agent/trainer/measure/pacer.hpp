// Decides how many steps the next window has, when warm-up is over and when the measurement ends. Pure: fed with
// windows and times, knows no clock.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>

#include "agent/trainer/measure/interval.hpp"
#include "agent/trainer/measure/series.hpp"
#include "agent/trainer/measure/steady.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Windows last a hundredth of the asked-for seconds (of max_seconds when nothing else is asked for), within these
/// bounds, and the shorter one where seconds are not what ends it: enough of them for an interval in few seconds, long
/// enough that an event pair costs nothing.
inline constexpr double kShortestWindow = 0.1;
inline constexpr double kLongestWindow = 0.5;
/// Warm-up takes at least this many steps (the first is many times slower: algorithms are chosen, memory is taken) and
/// this many seconds, and goes on until the series has settled (steady.hpp), but no longer than half of the limit and
/// half of the asked-for seconds or, when seconds are not what ends it, kWarmUpCap.
inline constexpr std::uint32_t kWarmUpSteps = 3;
inline constexpr double kWarmUpSeconds = 1.0;
inline constexpr double kWarmUpCap = 10;

/// A plan for one measurement. Windows are planned ahead of what has been observed where the device works through a
/// queue, so what is under way counts with its expected time. Not thread-safe.
class Pacer {
 public:
  /// `limits` must be valid (common/validate.hpp); `batch_size` >= 1.
  Pacer(const v1::Limits& limits, std::uint32_t batch_size);

  struct Plan {
    std::uint32_t steps = 0;
    bool warm_up = false;
  };
  /// The next window; nothing when, by what is known, no further one is needed. `elapsed` is the wall time in seconds
  /// since the first step began. When nothing came but windows are under way, ask again after the next Observe: they
  /// may have been quicker than expected.
  std::optional<Plan> Next(double elapsed);

  /// The oldest window under way has ended; `steps` may be fewer than planned.
  void Observe(std::uint32_t steps, double seconds);

  /// Why Next gave nothing the last time.
  v1::StopReason stop_reason() const { return stop_reason_; }

  /// Steps and seconds observed so far in measured windows, and how much of the measurement that is, from 0 to 1.
  std::uint32_t measured_steps() const { return measured_.steps; }
  double measured_seconds() const { return measured_.seconds; }
  double Progress(double elapsed) const;
  /// The measured windows' seconds per step.
  const Series& series() const { return series_; }

 private:
  struct UnderWay {
    Plan plan;
    double expected_seconds = 0;
  };
  /// What is under way, warm-up or measured.
  struct Expected {
    std::uint32_t steps = 0;
    double seconds = 0;
  };
  Expected Expect(bool warm_up) const;
  bool WarmingUp(double start) const;
  std::optional<Plan> NextWarmUp(double start);
  std::optional<Plan> NextMeasured(double start);
  std::optional<Plan> Start(double steps, std::uint32_t most_steps, bool warm_up);
  std::optional<Plan> Stop(v1::StopReason reason);
  double WindowSeconds() const;
  double WarmUpCap() const;

  const v1::Limits limits_;
  const std::uint32_t most_steps_;  // more samples would not fit into the messages
  double step_seconds_ = 0;         // of the newest window; 0: unknown
  Expected warmed_up_;              // observed so far
  Expected measured_;
  WarmUpEnd warm_up_end_;
  Series series_;
  std::optional<PrecisionStop> precision_stop_;
  bool precise_ = false;            // the interval is as narrow as was asked for
  bool measuring_ = false;          // warm-up is over and does not come back
  std::deque<UnderWay> under_way_;  // oldest first; as many as the device's queue is deep
  v1::StopReason stop_reason_ = v1::STOP_REASON_UNSPECIFIED;
};

}  // namespace rsg::trainer
