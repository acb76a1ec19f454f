// A bounded queue from many threads to one, which can also be waited for by poll(): its descriptor is readable while
// something is queued. Thread-safe; exactly one thread takes.
#pragma once
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <mutex>
#include <system_error>
#include <utility>

namespace rsg {

template <typename T>
class Mailbox {
 public:
  /// Holds at most `capacity` items. Throws std::system_error when the system has no descriptor left.
  explicit Mailbox(std::size_t capacity) : capacity_(capacity), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~Mailbox() { close(fd_); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// False, and the item is not taken, when the queue is full.
  bool Push(T item) {
    const std::lock_guard lock(mutex_);
    if (items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    if (items_.size() == 1) Signal();
    return true;
  }

  /// All that is queued, oldest first; empty when nothing is. Never waits.
  std::deque<T> TakeAll() {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
    return std::exchange(items_, {});
  }

  /// Waits up to `seconds` for something to be queued; returns at once when something is.
  void Wait(double seconds) {
    pollfd entry{.fd = fd_, .events = POLLIN, .revents = 0};
    poll(&entry, 1, static_cast<int>(seconds * 1000 + 0.999));
  }

  /// How much is queued just now.
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

  /// Readable while something is queued. Owned by the mailbox.
  int fd() const { return fd_; }

 private:
  void Signal() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto put = write(fd_, &one, sizeof one);
  }

  mutable std::mutex mutex_;
  std::deque<T> items_;  // guarded by mutex_
  const std::size_t capacity_;
  const int fd_;
};

}  // namespace rsg
