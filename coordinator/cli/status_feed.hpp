// The states of one sweep as they arrive, read on a thread of its own.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "coordinator/cli/client.hpp"

namespace rsg::cli {

/// One WatchSweep call from construction to destruction. Take() and fd() from one thread. `client` outlives it.
class StatusFeed {
 public:
  struct News {
    std::optional<v1::SweepStatus> latest;  ///< since the last Take(); older ones are left out
    std::optional<absl::Status> ended;      ///< the stream is over
  };

  /// Throws std::system_error when the system has no thread or descriptor left.
  StatusFeed(Client* client, const std::string& sweep_id);
  ~StatusFeed();
  StatusFeed(const StatusFeed&) = delete;
  StatusFeed& operator=(const StatusFeed&) = delete;

  /// What is new; never waits.
  News Take();
  /// Readable while something is new.
  int fd() const { return fd_; }

 private:
  void Run();
  void Signal();

  Client* const client_;
  const int fd_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::SweepStatus>> reader_;
  std::mutex mutex_;
  News news_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace rsg::cli
