// One agent's Attach stream. It takes bytes and parses them itself: gRPC would report a message that is none as the end
// of the stream in good order. Reads are held back until what was read is stored; what is to be sent waits in a bounded
// queue, and an agent that does not read is cut off.
#pragma once
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "coordinator/server/core.hpp"
#include "rsg/v1/fleet.pb.h"

namespace rsg::server {

using RawBidiReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

class AgentStream final : public RawBidiReactor {
 public:
  /// Deletes itself when the stream is over, and then calls `over`. `core` outlives it.
  AgentStream(grpc::CallbackServerContext* context, Core* core, const std::string& credential_sha256,
              std::function<void()> over);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  // What the core holds: it may outlive the stream.
  class Link final : public Outlet {
   public:
    explicit Link(AgentStream* stream) : stream_(stream) {}
    void Send(v1::CoordinatorMessage message) override;
    void Close(const absl::Status& reason) override;
    void Cut() override;
    void ReadNext();
    std::mutex mutex_;
    AgentStream* stream_;  // guarded by mutex_; null when the stream is over
  };

  // All with the link's mutex held.
  void WriteNext();
  void FinishWith(const absl::Status& reason);

  grpc::CallbackServerContext* const context_;
  Core* const core_;
  const std::function<void()> over_;
  const std::shared_ptr<Link> link_;
  const schedule::SessionId session_;
  grpc::ByteBuffer incoming_;

  // Guarded by the link's mutex.
  std::deque<grpc::ByteBuffer> outgoing_;  // the first one is being written while writing_
  bool writing_ = false;
  bool half_closed_ = false;            // the agent has ended its side in good order
  bool finished_ = false;               // Finish was called
  std::optional<absl::Status> ending_;  // Finish with it as soon as the queue is empty
};

/// A stream that is refused at once.
class RefusedStream final : public RawBidiReactor {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace rsg::server
