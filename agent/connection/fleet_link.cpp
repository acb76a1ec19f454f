#include "agent/connection/fleet_link.hpp"

#include <grpc/grpc.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <utility>
#include <variant>

#include "common/channel.hpp"
#include "common/clock.hpp"
#include "common/mailbox.hpp"
#include "common/secret.hpp"
#include "rsg/v1/fleet.grpc.pb.h"

namespace rsg::agent {
namespace {

// What gRPC's threads report.
struct EnrolEnded {
  grpc::Status status;
};
struct MessageRead {
  v1::CoordinatorMessage message;
};
struct ReadsEnded {};
struct WriteEnded {
  bool good = false;
};
struct StreamEnded {
  grpc::Status status;
};
using Report = std::variant<EnrolEnded, MessageRead, ReadsEnded, WriteEnded, StreamEnded>;

// One read, one write, their ends, and one enrolment: never more at once.
constexpr std::size_t kMailboxCapacity = 16;
constexpr auto kEnrolDeadline = std::chrono::seconds(30);

// Keeps gRPC's threads until the last call is over, and then waits for their end: a process that exits under them would
// pull away what they use.
struct GrpcLife {
  GrpcLife() { grpc_init(); }
  ~GrpcLife() { grpc_shutdown_blocking(); }
  GrpcLife(const GrpcLife&) = delete;
  GrpcLife& operator=(const GrpcLife&) = delete;
};

}  // namespace

struct FleetLink::Wire {
  GrpcLife grpc;
  FleetLinkOptions options;
  std::unique_ptr<v1::Fleet::Stub> stub;
  Mailbox<Report> mailbox{kMailboxCapacity};
  double keepalive_seconds = kKeepaliveSeconds;  // of the next channel, as the last Welcome has it

  // A channel that has failed once fails what comes next for as long as it waits by itself; it is the state machine
  // that waits. So a call after a failure gets a channel of its own, and its failure is told with its own reason.
  void Connect() {
    if (!stub) stub = v1::Fleet::NewStub(MakeChannel(options.coordinator, keepalive_seconds));
  }
};

// One Enroll call. Outlives its callback, whose last act is to report.
class FleetLink::Enrolment {
 public:
  explicit Enrolment(Wire* wire) {
    request_.set_join_token(wire->options.join_token);
    request_.set_credential_sha256(Sha256Hex(wire->options.coordinator.secret));
    request_.set_name(wire->options.name);
    context_.set_deadline(std::chrono::system_clock::now() + kEnrolDeadline);
    wire->stub->async()->Enroll(&context_, &request_, &response_,
                                [wire](grpc::Status status) { wire->mailbox.Push(EnrolEnded{std::move(status)}); });
  }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  v1::EnrollRequest request_;
  v1::EnrollResponse response_;
};

// One Attach call. Held from outside (AddHold) until the owner has seen that reads have ended, so that it may write at
// any time before; OnDone's last act is to report, and only then the owner destroys it.
class FleetLink::Stream final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::CoordinatorMessage> {
 public:
  explicit Stream(Wire* wire) : wire_(wire) {
    Authorize(&context_, wire->options.coordinator.secret);
    wire->stub->async()->Attach(&context_, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }

  void Write(const v1::AgentMessage& message) {
    outgoing_ = message;
    StartWrite(&outgoing_);
  }
  void ReadNext() { StartRead(&incoming_); }
  void Cancel() { context_.TryCancel(); }
  void EndWrites() { StartWritesDone(); }
  void LetGo() { RemoveHold(); }
  bool held = true;
  bool writing = false;

  void OnReadDone(bool ok) override {
    if (ok) {
      wire_->mailbox.Push(MessageRead{std::move(incoming_)});
    } else {
      wire_->mailbox.Push(ReadsEnded{});
    }
  }
  void OnWriteDone(bool ok) override { wire_->mailbox.Push(WriteEnded{ok}); }
  void OnDone(const grpc::Status& status) override { wire_->mailbox.Push(StreamEnded{status}); }

 private:
  Wire* const wire_;
  grpc::ClientContext context_;
  v1::CoordinatorMessage incoming_;
  v1::AgentMessage outgoing_;
};

FleetLink::FleetLink(FleetLinkOptions options) : wire_(std::make_unique<Wire>()), look_seconds_(kLookSeconds) {
  wire_->options = std::move(options);
}

FleetLink::~FleetLink() { Close(0); }

int FleetLink::fd() const { return wire_->mailbox.fd(); }

void FleetLink::Enrol() {
  wire_->Connect();
  enrolment_ = std::make_unique<Enrolment>(wire_.get());
}

void FleetLink::Dial() {
  wire_->Connect();
  stream_ = std::make_unique<Stream>(wire_.get());
}

void FleetLink::Send(const v1::AgentMessage& message) {
  if (!stream_ || !stream_->held) return;  // broken; LinkLost is on its way
  stream_->writing = true;
  stream_->Write(message);
}

void FleetLink::Hangup() {
  if (stream_) stream_->Cancel();
}

// No write may begin after this; OnDone follows.
void FleetLink::EndStream() {
  if (!stream_ || !stream_->held) return;
  stream_->held = false;
  stream_->LetGo();
}

std::vector<Event> FleetLink::Take() {
  std::vector<Event> events;
  const auto lost = [&](const grpc::Status& status) {
    // A stream that the coordinator ends in good order is lost all the same.
    const absl::Status why = status.ok() ? absl::UnavailableError("the coordinator ended the connection")
                                         : ToAbsl(status, wire_->options.coordinator, look_seconds_);
    // Nothing else is done meanwhile: a child's windows and signals wait. So once an outage.
    if (Classify(why) == LinkLoss::kUntrusted) look_seconds_ = 0;
    wire_->stub.reset();
    events.push_back(LinkLost{Classify(why), std::string(why.message())});
  };
  for (Report& report : wire_->mailbox.TakeAll()) {
    if (auto* read = std::get_if<MessageRead>(&report)) {
      look_seconds_ = kLookSeconds;
      if (read->message.has_welcome())
        wire_->keepalive_seconds = KeepaliveSeconds(read->message.welcome().settings().heartbeat_seconds());
      events.push_back(Received{std::move(read->message)});
      stream_->ReadNext();
    } else if (auto* write = std::get_if<WriteEnded>(&report)) {
      stream_->writing = false;
      if (write->good) events.push_back(WriteDone{});
    } else if (std::holds_alternative<ReadsEnded>(report)) {
      EndStream();
    } else if (auto* ended = std::get_if<StreamEnded>(&report)) {
      stream_.reset();
      lost(ended->status);
    } else if (auto* enrolled = std::get_if<EnrolEnded>(&report)) {
      enrolment_.reset();
      if (enrolled->status.ok())
        events.push_back(Enrolled{});
      else
        lost(enrolled->status);
    }
  }
  return events;
}

void FleetLink::Close(double seconds) {
  constexpr double kCutSeconds = 5;  // gRPC ends a cancelled call at once; never wait for ever all the same
  const auto take_until = [&](double until, auto done) {
    while (!done()) {
      const double left = until - SystemClock().Monotonic();
      if (left <= 0) return;
      wire_->mailbox.Wait(left);
      Take();
    }
  };
  const auto written = [&] { return !stream_ || !stream_->writing; };
  const auto over = [&] { return !stream_ && !enrolment_; };
  const double in_good_order = SystemClock().Monotonic() + seconds;
  if (enrolment_) enrolment_->Cancel();
  // A write in flight, a heartbeat say, goes out first: cut off with it, we would look lost.
  take_until(in_good_order, written);
  if (stream_ && stream_->held && written()) {
    stream_->EndWrites();
    take_until(in_good_order, over);
  }
  if (stream_) stream_->Cancel();
  take_until(SystemClock().Monotonic() + kCutSeconds, over);
  // A callback that never came may still come: better to leak than to free what it touches.
  if (stream_ || enrolment_) {
    static_cast<void>(stream_.release());
    static_cast<void>(enrolment_.release());
    static_cast<void>(wire_.release());
  }
}

}  // namespace rsg::agent
