// The forwarder's side of the store: reads over a connection of its own, writes through the core's thread, so that the
// database has one writer. Used by the forwarder's thread.
#pragma once
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "coordinator/server/core.hpp"
#include "coordinator/wandb/forwarder.hpp"

namespace rsg::server {

class CoreOutbox final : public wandb::Outbox {
 public:
  /// `core` outlives it.
  static absl::StatusOr<std::unique_ptr<CoreOutbox>> Open(const std::filesystem::path& database, Core* core);

  absl::StatusOr<std::vector<store::UnsentRun>> Unsent(std::uint32_t limit) override { return reader_->Unsent(limit); }
  absl::StatusOr<std::optional<store::UnsentRun>> Find(const schedule::JobKey& job,
                                                       const schedule::WandbTarget& target) override {
    return reader_->Find(job, target);
  }
  absl::StatusOr<store::RunContent> Content(const schedule::JobKey& job, const schedule::WandbTarget& target) override {
    return reader_->Content(job, target);
  }
  absl::StatusOr<std::vector<v1::Window>> Windows(const schedule::AttemptKey& attempt, std::uint32_t first,
                                                  std::uint32_t limit) override {
    return reader_->Windows(attempt, first, limit);
  }
  absl::Status Advance(const schedule::WandbRun& run) override;

 private:
  CoreOutbox(std::unique_ptr<store::OutboxReader> reader, Core* core) : reader_(std::move(reader)), core_(core) {}

  const std::unique_ptr<store::OutboxReader> reader_;
  Core* const core_;
};

}  // namespace rsg::server
