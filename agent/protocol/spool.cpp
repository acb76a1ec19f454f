#include "agent/protocol/spool.hpp"

#include <algorithm>

namespace rsg::agent {

bool Spool::Add(const v1::Window& window) {
  if (discarded_) return true;
  if (windows_.size() >= capacity_) return false;
  windows_.push_back(window);
  ++last_;
  return true;
}

bool Spool::Ack(std::uint32_t sequence) {
  if (sequence > last_) return false;
  if (sequence <= acked_) return true;
  if (!discarded_) windows_.erase(windows_.begin(), windows_.begin() + (sequence - acked_));
  acked_ = sequence;
  sent_ = std::max(sent_, acked_);
  return true;
}

bool Spool::Rewind(std::uint32_t sequence) {
  const bool whole = sequence >= acked_;
  if (!whole) {
    Discard();
    acked_ = sequence;
  } else {
    Ack(sequence);
  }
  sent_ = acked_;
  return whole;
}

void Spool::Discard() {
  windows_.clear();
  windows_.shrink_to_fit();
  discarded_ = true;
}

void Spool::Take(std::uint32_t most, v1::WindowBatch* batch) {
  const std::uint32_t count = std::min(most, unsent());
  for (std::uint32_t i = 0; i < count; ++i) *batch->add_windows() = windows_[sent_ - acked_ + i];
  sent_ += count;
}

}  // namespace rsg::agent
