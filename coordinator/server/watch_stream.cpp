#include "coordinator/server/watch_stream.hpp"

#include <utility>

#include "coordinator/server/bearer.hpp"

namespace rsg::server {

WatchStream::WatchStream(std::function<void()> over) : over_(std::move(over)), link_(std::make_shared<Link>(this)) {}

void WatchStream::Link::Update(const v1::SweepStatus& status) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || stream_->ending_) return;
  stream_->next_ = status;
  stream_->WriteNext();
}

void WatchStream::Link::Close(const absl::Status& reason) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || stream_->ending_) return;
  stream_->ending_ = reason;
  stream_->WriteNext();
}

bool WatchStream::Link::Listens() const {
  const std::lock_guard lock(mutex_);
  return stream_ != nullptr && !stream_->ending_;
}

void WatchStream::WriteNext() {
  if (is_writing_ || finished_) return;
  if (next_) {
    writing_ = *std::exchange(next_, std::nullopt);
    is_writing_ = true;
    StartWrite(&writing_);
  } else if (ending_) {
    finished_ = true;
    Finish(ToGrpc(*ending_));
  }
}

void WatchStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(link_->mutex_);
  is_writing_ = false;
  if (!ok) {
    next_.reset();
    if (!ending_) ending_ = absl::CancelledError("the client went away");
  }
  WriteNext();
}

void WatchStream::OnCancel() {
  const std::lock_guard lock(link_->mutex_);
  next_.reset();
  if (!ending_) ending_ = absl::CancelledError("the client went away");
  WriteNext();
}

void WatchStream::OnDone() {
  {
    const std::lock_guard lock(link_->mutex_);
    link_->stream_ = nullptr;
  }
  over_();
  delete this;
}

}  // namespace rsg::server
