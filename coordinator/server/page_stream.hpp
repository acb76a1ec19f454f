// A server stream that is read from the database page by page: no transaction is held while the client takes its time,
// and no thread waits for it.
#pragma once
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/server/bearer.hpp"
#include "coordinator/server/read_pool.hpp"

namespace rsg::server {

template <typename Message>
class PageStream final : public grpc::ServerWriteReactor<Message> {
 public:
  struct Page {
    std::vector<Message> messages;
    bool last = true;
  };
  /// Reads the next page; called by one thread at a time.
  using Fetch = std::function<absl::StatusOr<Page>(store::Reader&)>;

  /// Does nothing until Start. `over` is called when the stream is over, just before it deletes itself.
  PageStream(ReadPool* pool, std::function<void()> over) : pool_(pool), over_(std::move(over)) {}

  void Start(Fetch fetch) {
    fetch_ = std::move(fetch);
    FetchPage();
  }
  void Refuse(const absl::Status& status) { this->Finish(ToGrpc(status)); }

  // One operation at a time is under way, a fetch or a write, so nothing needs a lock.
  void OnWriteDone(bool ok) override {
    if (!ok) return this->Finish({grpc::StatusCode::CANCELLED, "the client went away"});
    ++next_;
    WriteNext();
  }
  void OnDone() override {
    over_();
    delete this;
  }

 private:
  void FetchPage() {
    const bool posted = pool_->Post([this](store::Reader& reader) {
      auto page = fetch_(reader);
      if (!page.ok()) return this->Finish(ToGrpc(page.status()));
      page_ = *std::move(page);
      next_ = 0;
      WriteNext();
    });
    if (!posted)
      this->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many questions at once; try again in a moment"});
  }

  void WriteNext() {
    if (next_ < page_.messages.size()) return this->StartWrite(&page_.messages[next_]);
    if (page_.last) return this->Finish(grpc::Status::OK);
    FetchPage();
  }

  ReadPool* const pool_;
  const std::function<void()> over_;
  Fetch fetch_;
  Page page_;
  std::size_t next_ = 0;
};

}  // namespace rsg::server
