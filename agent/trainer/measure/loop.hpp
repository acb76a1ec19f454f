// The measured loop: windows of training steps between two marks of the device. Nothing else is in it.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "agent/trainer/device/device.hpp"
#include "agent/trainer/measure/pacer.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "common/clock.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Takes each window as it ends, between windows and outside their time. An error ends the loop.
using WindowSink = std::function<absl::Status(const v1::Window&)>;

/// What a loop works with; all of it must outlive the call.
struct LoopParts {
  TrainingStep& step;
  Device& device;
  Pacer& pacer;
  const Clock& clock;
  /// Set to non-zero from anywhere, a signal handler included: the running step is finished, then the loop ends.
  const std::atomic<int>& interrupted;
  /// Asked before each further window whether to go on training without measuring: before the measurement, whose time
  /// begins after it, and after it. The pacer knows nothing of these windows; they are handed over marked as warm-up.
  /// Empty: no such windows.
  std::function<bool()> keep_warming{};
  std::function<bool()> keep_soaking{};
};

/// Runs windows until the pacer wants no more or somebody interrupts, and hands over each of them, numbered from 1. The
/// device never waits for the host between windows where it has a queue (Device::QueueAhead): the next window is queued
/// before the last one is waited for. Within a window nothing synchronises. OK, or the sink's error. What the step
/// throws passes through.
absl::Status RunWindows(const LoopParts& parts, std::uint32_t batch_size, const WindowSink& sink);

}  // namespace rsg::trainer
