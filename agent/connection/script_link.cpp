#include "agent/connection/script_link.hpp"

#include <grpc/grpc.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <utility>

#include "common/channel.hpp"
#include "common/clock.hpp"
#include "common/mailbox.hpp"
#include "rsg/v1/fleet.grpc.pb.h"

namespace rsg::agent {
namespace {

struct CallEnded {
  grpc::Status status;
};
using Happened = std::variant<v1::ScriptChunk, CallEnded>;

constexpr std::size_t kMailboxCapacity = 4;  // a chunk and the end
constexpr double kCutSeconds = 5;            // gRPC ends a cancelled call at once; never wait for ever all the same

}  // namespace

struct ScriptLink::Wire {
  Wire() { grpc_init(); }
  ~Wire() { grpc_shutdown_blocking(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  JoinLine coordinator;
  Mailbox<Happened> mailbox{kMailboxCapacity};
};

// OnDone's last act is to report, and only then the owner destroys it.
class ScriptLink::Call final : public grpc::ClientReadReactor<v1::ScriptChunk> {
 public:
  // A channel for each call: one that has failed once fails what comes next for as long as it waits by itself.
  Call(Wire* wire, const v1::FetchScriptRequest& request)
      : wire_(wire), request_(request), stub_(v1::Fleet::NewStub(MakeChannel(wire->coordinator))) {
    Authorize(&context_, wire->coordinator.secret);
    stub_->async()->FetchScript(&context_, &request_, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }

  void ReadNext() { StartRead(&incoming_); }
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      wire_->mailbox.Push(std::move(incoming_));
    } else {
      RemoveHold();  // no read follows
    }
  }
  void OnDone(const grpc::Status& status) override { wire_->mailbox.Push(CallEnded{status}); }

 private:
  Wire* const wire_;
  const v1::FetchScriptRequest request_;
  const std::unique_ptr<v1::Fleet::Stub> stub_;
  grpc::ClientContext context_;
  v1::ScriptChunk incoming_;
};

ScriptLink::ScriptLink(JoinLine coordinator) : wire_(std::make_unique<Wire>()) {
  wire_->coordinator = std::move(coordinator);
}

ScriptLink::~ScriptLink() {
  Cancel();
  const double until = SystemClock().Monotonic() + kCutSeconds;
  while (call_ && SystemClock().Monotonic() < until) {
    wire_->mailbox.Wait(until - SystemClock().Monotonic());
    Take();
  }
  if (!call_) return;
  // A callback that never came may still come: better to leak than to free what it touches.
  static_cast<void>(call_.release());
  static_cast<void>(wire_.release());
}

int ScriptLink::fd() const { return wire_->mailbox.fd(); }

void ScriptLink::Ask(const v1::FetchScriptRequest& request) { call_ = std::make_unique<Call>(wire_.get(), request); }

void ScriptLink::Cancel() {
  if (call_) call_->Cancel();
}

std::vector<ScriptSource::Report> ScriptLink::Take() {
  std::vector<Report> reports;
  for (Happened& happened : wire_->mailbox.TakeAll()) {
    if (auto* chunk = std::get_if<v1::ScriptChunk>(&happened)) {
      reports.emplace_back(std::move(*chunk));
      call_->ReadNext();
    } else {
      const grpc::Status& status = std::get<CallEnded>(happened).status;
      reports.emplace_back(Ended{ToAbsl(status, wire_->coordinator, 0)});
      call_.reset();
    }
  }
  return reports;
}

}  // namespace rsg::agent
