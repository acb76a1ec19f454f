// Who may enrol now, by network address: so that one that floods takes no place from others. Thread-safe.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "coordinator/schedule/quota.hpp"

namespace rsg::server {

class PeerGate {
 public:
  /// RESOURCE_EXHAUSTED: too many calls of this peer, or of all, are under way, or too many of this peer's have failed
  /// a moment ago. `peer` as gRPC tells it, "ipv4:1.2.3.4:567"; the port does not matter. `now`: monotonic seconds.
  /// Each call that is let in is followed by Left.
  absl::Status Enter(std::string_view peer, double now);
  void Left(std::string_view peer, bool failed, double now);

  static constexpr int kMost = 1000;
  static constexpr int kMostOfOne = 250;
  static constexpr schedule::Bucket::Rate kFailures{.per_second = 5, .at_once = 100};

 private:
  struct Peer {
    int inside = 0;
    schedule::Bucket failures{kFailures};
  };
  Peer& Find(std::string_view peer, double now);

  std::mutex mutex_;
  std::map<std::string, Peer, std::less<>> peers_;  // bounded: those inside and those that failed of late
  int inside_ = 0;
};

}  // namespace rsg::server
