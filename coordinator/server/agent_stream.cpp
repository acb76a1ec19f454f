#include "coordinator/server/agent_stream.hpp"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>

#include "coordinator/server/bearer.hpp"

namespace rsg::server {
namespace {

// What is sent to an agent are answers to what it said, a few at most, and a word on each attempt that it has in hand,
// of which there are at most 64.
constexpr std::size_t kMostQueued = 256;

// Behind messages of so many bytes that are not stored yet nothing more is read.
constexpr std::size_t kMostUnstoredBytes = 64 << 10;

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
    if (status.ok()) link->Opened();
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

void AgentStream::Link::Opened() {
  const std::lock_guard lock(mutex_);
  if (stream_ != nullptr) stream_->ReadNext();
}

void AgentStream::Link::Stored(std::size_t bytes, const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr) return;
  --stream_->unstored_;
  stream_->unstored_bytes_ -= bytes;
  if (!status.ok() && !stream_->ending_) stream_->ending_ = status;
  stream_->ReadNext();
  stream_->EndIfAllIsStored();
}

void AgentStream::ReadNext() {
  if (reading_ || read_out_ || finished_ || ending_) return;
  if (unstored_ >= kMostUnstored || (unstored_ > 0 && unstored_bytes_ >= kMostUnstoredBytes)) return;
  reading_ = true;
  StartRead(&incoming_);
}

// Its answers are sent before the stream ends.
void AgentStream::EndIfAllIsStored() {
  if (read_out_ && unstored_ == 0 && !ending_) ending_ = absl::OkStatus();
  if (ending_) WriteNext();
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
  if (!ok) return ReadOut();
  v1::AgentMessage message;
  const std::size_t bytes = incoming_.Length();
  if (!Wire<v1::AgentMessage>::Deserialize(&incoming_, &message).ok()) {
    core_->Refused("malformed");
    return link_->Close(absl::InvalidArgumentError("what was sent is no message of an agent"));
  }
  {
    const std::lock_guard lock(link_->mutex_);
    ++unstored_;
    unstored_bytes_ += bytes;
  }
  core_->Receive(session_, std::move(message),
                 [link = link_, bytes](const absl::Status& status) { link->Stored(bytes, status); });
  const std::lock_guard lock(link_->mutex_);
  reading_ = false;
  ReadNext();
}

void AgentStream::ReadOut() {
  const std::lock_guard lock(link_->mutex_);
  half_closed_ = !context_->IsCancelled();
  read_out_ = true;
  if (!half_closed_ && !ending_) ending_ = absl::OkStatus();
  EndIfAllIsStored();
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
