// The measurement of mode `original`: the clock of the tool that RSG succeeds, with its flaws, and the loop around it.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "agent/trainer/measure/loop.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "common/clock.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// The original's default, for limits that name neither seconds nor steps.
inline constexpr double kOriginalSeconds = 30;

/// Says when the original's loop ends. Iteration 0 is not measured; the clock starts at its time stamp. The loop ends
/// with the first iteration c whose stamp is n_seconds or more after that, or with c = n_batches; then c iterations
/// were measured. max_seconds ends it, too. A target for the interval means nothing here. Pure; not thread-safe.
class OriginalClock {
 public:
  /// `limits` must be valid (common/validate.hpp); `batch_size` >= 1.
  OriginalClock(const v1::Limits& limits, std::uint32_t batch_size);

  /// `now`: seconds on a steady clock, before iteration 0.
  void Begin(double now) { began_at_ = now; }
  /// The time stamp of the next iteration, taken after its optimiser step. True: the loop ends with this iteration.
  bool Stamp(double now);

  /// Iterations measured so far, c; the time stamp of iteration 0.
  std::uint32_t measured() const { return stamps_ > 0 ? stamps_ - 1 : 0; }
  double started_at() const { return started_at_; }
  /// Why Stamp ended the loop.
  v1::StopReason stop_reason() const { return stop_reason_; }
  /// How much of the measurement is done, from 0 to 1, by the newest stamp.
  double Progress() const;

 private:
  bool Stop(v1::StopReason reason);

  const v1::Limits limits_;
  const double seconds_;            // infinite: steps decide
  const std::uint32_t most_steps_;  // more samples would not fit into the messages
  double began_at_ = 0;
  double started_at_ = 0;
  double newest_ = 0;
  std::uint32_t stamps_ = 0;
  v1::StopReason stop_reason_ = v1::STOP_REASON_UNSPECIFIED;
};

/// What the loop works with; all of it must outlive the call.
struct OriginalParts {
  TrainingStep& step;
  OriginalClock& original;
  const Clock& clock;
  /// As LoopParts::interrupted.
  const std::atomic<int>& interrupted;
  /// As LoopParts::keep_warming: steps before the original's clock, in no series of its.
  std::function<bool()> keep_warming{};
};

/// Runs the original's loop. For the live view it hands over windows of about kLongestWindow, cut at the time stamps
/// that the loop takes anyway: no mark, no wait, no query is added. Iteration 0 is a window of warm-up. The measured
/// windows join without gaps from the stamp of iteration 0 to the clock after the loop, so their total samples over
/// their total seconds is the original's n_items / duration. On a device with a queue that is the host's time, and
/// single windows mean little; as in the original nothing waits at the end. The sink works inside the original's
/// duration, as its progress bar did. OK, or the sink's error. What the step throws passes through.
absl::Status RunOriginal(const OriginalParts& parts, std::uint32_t batch_size, const WindowSink& sink);

}  // namespace rsg::trainer
