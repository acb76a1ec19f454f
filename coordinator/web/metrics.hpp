// What the coordinator says of itself to Prometheus. It shows counts and durations: no name, address, id or secret.
#pragma once
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock.hpp"
#include "coordinator/server/core.hpp"
#include "coordinator/store/outbox.hpp"

namespace rsg::web {

class Metrics {
 public:
  /// `core` and `clock` outlive it. Errors as store::OutboxReader::Open.
  static absl::StatusOr<std::unique_ptr<Metrics>> Open(const std::filesystem::path& database, server::Core* core,
                                                       const Clock* clock);

  /// The exposition, at most a second old, so that who asks in a loop costs nothing. While nothing can be stored, or
  /// the core does not answer within two seconds, it lacks what only the core knows (rsg_agents, rsg_jobs, ...).
  /// From any thread but the core's.
  std::string Text();

 private:
  Metrics(server::Core* core, const Clock* clock, std::unique_ptr<store::OutboxReader> outbox)
      : core_(core), clock_(clock), outbox_(std::move(outbox)) {}
  std::string Collect();

  server::Core* const core_;
  const Clock* const clock_;
  std::mutex mutex_;
  std::unique_ptr<store::OutboxReader> outbox_;  // guarded by mutex_, like all below
  std::string text_;
  double collected_ = 0;  // monotonic
};

}  // namespace rsg::web
