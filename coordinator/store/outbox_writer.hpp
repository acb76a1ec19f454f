// Changes of the outbox of W&B, inside the caller's transaction. Belongs to Writer.
#pragma once
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

class OutboxWriter {
 public:
  /// Prepares all statements. `connection` must outlive the writer.
  static absl::StatusOr<OutboxWriter> Prepare(Connection& connection);

  /// Whether jobs that start from now on get a run, and where it goes.
  void ForwardNewJobs(std::optional<schedule::WandbTarget> target) { target_ = std::move(target); }

  /// An attempt at the job has started, or has ended with something to tell: opens its run when new jobs are forwarded,
  /// and opens the runs again that had been completed.
  absl::Status OnAttempt(const schedule::JobKey& job, double unix);

  /// Kept only while new jobs are forwarded; written only when it differs, for agents say it with each Hello.
  absl::Status Do(const schedule::PutMachineTexts& put);
  absl::Status Do(const schedule::AdvanceWandbRun& advance);
  absl::Status Do(const schedule::OpenWandbRun& open);
  absl::Status Do(const schedule::ReviseWandbRuns& revise);

 private:
  OutboxWriter() = default;

  std::string database_id_;
  std::optional<schedule::WandbTarget> target_;
  Statement put_texts_, open_, reopen_, advance_, retry_, verify_, resend_;
};

}  // namespace rsg::store
