// The windows of one attempt that the coordinator has not acknowledged. Bounded; in memory (agent/spool/ has them on
// disk, for the next process). Pure.
#pragma once
#include <cstdint>
#include <deque>
#include <utility>

#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

/// Windows are numbered from 1 without gaps; acked() <= sent() <= last().
class Spool {
 public:
  explicit Spool(std::size_t capacity) : capacity_(capacity) {}
  /// Goes on where an earlier process has stopped: `windows` are the last ones, without gaps, up to `last`.
  Spool(std::size_t capacity, std::deque<v1::Window> windows, std::uint32_t last)
      : capacity_(capacity),
        windows_(std::move(windows)),
        last_(last),
        sent_(last - static_cast<std::uint32_t>(windows_.size())),
        acked_(sent_) {}

  /// Keeps the window numbered last() + 1. False, and nothing is kept, when the spool is full.
  bool Add(const v1::Window& window);

  /// Windows up to `sequence` are stored at the other side. False when there were never that many.
  bool Ack(std::uint32_t sequence);

  /// Begins to send again behind `sequence`, which is what the other side has. False when a window in between is no
  /// longer here: the other side has lost what it had acknowledged.
  bool Rewind(std::uint32_t sequence);

  /// Drops what is not acknowledged; nothing more is sent or kept.
  void Discard();

  /// The next windows to send, at most `most` of them, into `batch`; they count as sent.
  void Take(std::uint32_t most, v1::WindowBatch* batch);

  std::uint32_t last() const { return last_; }
  std::uint32_t acked() const { return acked_; }
  std::uint32_t sent() const { return sent_; }
  /// Kept here for the other side.
  std::uint32_t held() const { return static_cast<std::uint32_t>(windows_.size()); }
  std::uint32_t in_flight() const { return discarded_ ? 0 : sent_ - acked_; }
  std::uint32_t unsent() const { return discarded_ ? 0 : last_ - sent_; }
  /// All that the other side is to have, it has.
  bool delivered() const { return discarded_ || acked_ == last_; }
  /// What an AttemptFinished names as final.
  std::uint32_t final_sequence() const { return discarded_ ? acked_ : last_; }
  void set_capacity(std::size_t capacity) { capacity_ = capacity; }

 private:
  std::size_t capacity_;
  std::deque<v1::Window> windows_;  // acked_ + 1 ... last_, unless discarded_
  std::uint32_t last_ = 0;
  std::uint32_t sent_ = 0;
  std::uint32_t acked_ = 0;
  bool discarded_ = false;
};

}  // namespace rsg::agent
