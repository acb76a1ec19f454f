// How often the device was found without work, of a window and over all of them. Pure.
#pragma once
#include "agent/trainer/device/queue_watch.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Sets the window's drained_share; leaves it absent when nothing was asked.
inline void SetDrainedShare(const QueueQueries& queries, v1::Window* window) {
  if (queries.asked > 0) window->set_drained_share(static_cast<double>(queries.drained) / queries.asked);
}

/// The share over all measured windows: every step of a run asks equally often, so windows count by their steps.
class DrainedShare {
 public:
  /// Takes the next window; those of warm-up, and those of which nothing is known, count nothing.
  void Add(const v1::Window& window) {
    if (window.warm_up() || !window.has_drained_share()) return;
    steps_ += window.steps();
    drained_steps_ += window.drained_share() * window.steps();
  }
  /// Sets the result's drained_share; leaves it absent when nothing is known.
  void Fill(v1::Result* result) const {
    if (steps_ > 0) result->set_drained_share(drained_steps_ / steps_);
  }

 private:
  double steps_ = 0;
  double drained_steps_ = 0;
};

}  // namespace rsg::trainer
