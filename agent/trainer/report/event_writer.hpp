// Writes TrainerEvents as lines of JSON to a descriptor.
#pragma once
#include <string>

#include "absl/status/status.h"
#include "rsg/v1/trainer.pb.h"

namespace rsg::trainer {

/// Not thread-safe. Waits when the reader is slow; SIGPIPE must be ignored.
class EventWriter {
 public:
  /// Writes to `fd`, which stays the caller's; with -1 nothing is written and every call succeeds.
  explicit EventWriter(int fd) : fd_(fd) {}
  /// UNAVAILABLE when nobody reads any more or the descriptor cannot be written to.
  absl::Status Write(const v1::TrainerEvent& event);

 private:
  const int fd_;
};

}  // namespace rsg::trainer
