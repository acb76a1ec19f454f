// One WatchSweep stream: the newest state replaces one that was not sent yet, so a slow client costs nothing.
#pragma once
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "coordinator/server/core.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::server {

class WatchStream final : public grpc::ServerWriteReactor<v1::SweepStatus> {
 public:
  /// Deletes itself when the stream is over, and then calls `over`.
  explicit WatchStream(std::function<void()> over);

  /// What the core, or whoever has the state, talks to. May outlive the stream.
  std::shared_ptr<Watcher> watcher() const { return link_; }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  class Link final : public Watcher {
   public:
    explicit Link(WatchStream* stream) : stream_(stream) {}
    void Update(const v1::SweepStatus& status) override;
    void Close(const absl::Status& reason) override;
    bool Listens() const override;
    mutable std::mutex mutex_;
    WatchStream* stream_;  // guarded by mutex_; null when the stream is over
  };

  void WriteNext();  // with the link's mutex held

  const std::function<void()> over_;
  const std::shared_ptr<Link> link_;

  // Guarded by the link's mutex.
  v1::SweepStatus writing_;
  bool is_writing_ = false;
  std::optional<v1::SweepStatus> next_;
  std::optional<absl::Status> ending_;
  bool finished_ = false;
};

}  // namespace rsg::server
