#include "coordinator/server/core_outbox.hpp"

namespace rsg::server {

absl::StatusOr<std::unique_ptr<CoreOutbox>> CoreOutbox::Open(const std::filesystem::path& database, Core* core) {
  auto reader = store::OutboxReader::Open(database);
  if (!reader.ok()) return reader.status();
  return std::unique_ptr<CoreOutbox>(new CoreOutbox(*std::move(reader), core));
}

absl::Status CoreOutbox::Advance(const schedule::WandbRun& run) {
  return core_->PostAndWait([&](schedule::Coordinator&, const schedule::Now& now, schedule::Effects& effects) {
    effects.changes.push_back(schedule::AdvanceWandbRun{.run = run, .unix = now.unix});
  });
}

}  // namespace rsg::server
