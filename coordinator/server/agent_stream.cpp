#include "coordinator/server/agent_stream.hpp"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>

#include "coordinator/server/bearer.hpp"

namespace rsg::server {
namespace {

// What is sent to an agent are answers to what it said, a few at most, and a word on each attempt that it has in hand,
// of which there are at most 64.
constexpr std::size_t kMostQueued = 256;

template <typename Message>
using Wire = grpc::SerializationTraits<Message>;

}  // namespace

AgentStream::AgentStream(grpc::CallbackServerContext* context, Core* core, const std::string& credential_sha256,
                         std::function<void()> over)
    : context_(context),
      core_(core),
      over_(std::move(over)),
      link_(std::make_shared<Link>(this)),
      session_(core->NewSession()) {
  core_->OpenSession(session_, link_, credential_sha256, [link = link_](const absl::Status& status) {
    if (status.ok()) link->ReadNext();
  });
}

void AgentStream::Link::Send(v1::CoordinatorMessage message) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || stream_->finished_ || stream_->ending_) return;
  if (stream_->outgoing_.size() >= kMostQueued) {
    stream_->core_->Refused("unread");
    stream_->ending_ = absl::ResourceExhaustedError("the agent does not read what it is sent");
    stream_->context_->TryCancel();
    return;
  }
  grpc::ByteBuffer bytes;
  bool own = false;
  if (!Wire<v1::CoordinatorMessage>::Serialize(message, &bytes, &own).ok()) return;  // it is ours: it never fails
  stream_->outgoing_.push_back(std::move(bytes));
  stream_->WriteNext();
}

void AgentStream::Link::Close(const absl::Status& reason) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || stream_->ending_) return;
  stream_->ending_ = reason;
  stream_->WriteNext();
}

void AgentStream::Link::Cut() {
  const std::lock_guard lock(mutex_);
  if (stream_ != nullptr) stream_->context_->TryCancel();
}

void AgentStream::Link::ReadNext() {
  const std::lock_guard lock(mutex_);
  if (stream_ != nullptr && !stream_->finished_) stream_->StartRead(&stream_->incoming_);
}

void AgentStream::WriteNext() {
  if (writing_ || finished_) return;
  if (!outgoing_.empty()) {
    writing_ = true;
    StartWrite(&outgoing_.front());
  } else if (ending_) {
    FinishWith(*ending_);
  }
}

void AgentStream::FinishWith(const absl::Status& reason) {
  if (std::exchange(finished_, true)) return;
  Finish(ToGrpc(reason));
}

void AgentStream::OnReadDone(bool ok) {
  if (ok) {
    v1::AgentMessage message;
    if (!Wire<v1::AgentMessage>::Deserialize(&incoming_, &message).ok()) {
      core_->Refused("malformed");
      return link_->Close(absl::InvalidArgumentError("what was sent is no message of an agent"));
    }
    core_->Receive(session_, std::move(message), [link = link_](const absl::Status& status) {
      if (status.ok())
        link->ReadNext();
      else
        link->Close(status);
    });
    return;
  }
  const std::lock_guard lock(link_->mutex_);
  half_closed_ = !context_->IsCancelled();
  if (!ending_) ending_ = absl::OkStatus();
  WriteNext();
}

void AgentStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(link_->mutex_);
  writing_ = false;
  outgoing_.pop_front();
  if (!ok) {
    outgoing_.clear();
    if (!ending_) ending_ = absl::UnavailableError("the stream broke");
  }
  WriteNext();
}

void AgentStream::OnDone() {
  {
    const std::lock_guard lock(link_->mutex_);
    link_->stream_ = nullptr;
  }
  core_->CloseSession(session_, half_closed_ && !context_->IsCancelled());
  over_();
  delete this;
}

}  // namespace rsg::server
