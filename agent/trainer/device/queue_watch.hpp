// Finds out whether the device waits for the host: an event pair spans the device's idle gaps, so that event time and
// wall time agree whether it works or waits. What tells is how often its queue is found empty while work is still
// coming.
#pragma once
#include <cstdint>
#include <utility>

#include "agent/trainer/device/device.hpp"

namespace rsg::trainer {

/// How often a device was asked whether it had done all its work, and how often it had.
struct QueueQueries {
  std::uint32_t asked = 0;
  std::uint32_t drained = 0;
};

/// Asks and counts. A query is one call of the driver, about a microsecond, and never waits. Not thread-safe; the
/// device must outlive it.
class QueueWatch {
 public:
  explicit QueueWatch(Device& device) : device_(device) {}

  /// To be called where the host is about to queue more work.
  void Ask() {
    const auto drained = device_.Drained();
    if (!drained) return;
    ++queries_.asked;
    queries_.drained += *drained ? 1 : 0;
  }
  /// What was counted since the last call; nothing asked on a device that has no queue.
  QueueQueries Take() { return std::exchange(queries_, {}); }

 private:
  Device& device_;
  QueueQueries queries_;
};

}  // namespace rsg::trainer
