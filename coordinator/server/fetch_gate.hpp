// Which agents fetch a script now: one call an agent, so many at once; who does not take what is sent loses its place
// when another one wants it. Thread-safe.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"

namespace rsg::server {

class FetchGate {
 public:
  /// RESOURCE_EXHAUSTED: this agent fetches already, or all places are taken. A call that stands in the way and has not
  /// moved for kStalledSeconds is cut, so that the next try finds its place. `cut` ends this call; it does not block
  /// and is not called after Left. `now`: monotonic seconds. Each call that is let in is followed by Left.
  absl::Status Enter(const std::string& credential_sha256, double now, std::function<void()> cut);
  /// The agent has taken something.
  void Moved(const std::string& credential_sha256, double now);
  void Left(const std::string& credential_sha256);

  static constexpr std::size_t kMost = 64;
  static constexpr double kStalledSeconds = 30;

 private:
  struct Call {
    double moved = 0;
    std::function<void()> cut;
  };
  std::mutex mutex_;
  std::map<std::string, Call> calls_;  // by credential
};

}  // namespace rsg::server
