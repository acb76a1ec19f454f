// Files of Linux that are read again and again.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace rsg::trainer {

/// A file of /proc or /sys that is kept open and read anew each time.
class KernelFile {
 public:
  explicit KernelFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  KernelFile(KernelFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  KernelFile& operator=(KernelFile&&) = delete;
  ~KernelFile() {
    if (fd_ >= 0) close(fd_);
  }
  bool exists() const { return fd_ >= 0; }

  /// What it says now, at most `most` bytes; valid until `buffer` changes. Empty when it cannot be read.
  std::string_view Read(std::size_t most, std::string* buffer) const {
    if (fd_ < 0) return {};
    buffer->resize(std::max(buffer->size(), most));
    std::size_t length = 0;
    while (length < most) {
      const ssize_t got = pread(fd_, buffer->data() + length, most - length, static_cast<off_t>(length));
      if (got <= 0) break;
      length += static_cast<std::size_t>(got);
    }
    return std::string_view(*buffer).substr(0, length);
  }

 private:
  int fd_;
};

}  // namespace rsg::trainer
