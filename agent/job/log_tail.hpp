// The last bytes of a stream of any length, in a fixed buffer. Pure.
#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace rsg::agent {

class LogTail {
 public:
  explicit LogTail(std::size_t capacity) : capacity_(capacity) {}

  void Append(std::string_view text) {
    if (text.size() > capacity_) text.remove_prefix(text.size() - capacity_);
    const std::size_t fresh = std::min(text.size(), capacity_ - ring_.size());
    ring_.append(text.substr(0, fresh));
    for (const char c : text.substr(fresh)) {
      ring_[next_] = c;
      next_ = (next_ + 1) % capacity_;
    }
  }

  /// What is kept, oldest first.
  std::string Text() const { return ring_.substr(next_) + ring_.substr(0, next_); }

 private:
  const std::size_t capacity_;
  std::string ring_;
  std::size_t next_ = 0;  // where the oldest byte stands, once the ring is full
};

}  // namespace rsg::agent
