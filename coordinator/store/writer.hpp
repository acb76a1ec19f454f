// Changes into rows, inside the caller's transaction.
#pragma once
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"
#include "coordinator/store/outbox_writer.hpp"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

class Writer {
 public:
  /// Prepares all statements. `connection` must outlive the writer.
  static absl::StatusOr<Writer> Prepare(Connection& connection);

  /// Carries out one change; the caller has begun a transaction and rolls it back on an error. Errors: store.hpp.
  absl::Status Apply(const schedule::Change& change);

  OutboxWriter& outbox() { return outbox_; }

 private:
  Writer(Connection& connection, OutboxWriter outbox) : connection_(&connection), outbox_(std::move(outbox)) {}

  absl::Status Do(const schedule::PutSweep& put);
  absl::Status Do(const schedule::PutJob& put);
  absl::Status Do(const schedule::PutAgent& put);
  absl::Status Do(const schedule::PutToken& put);
  absl::Status Do(const schedule::InsertAttempt& insert);
  absl::Status Do(const schedule::StartAttempt& start);
  absl::Status Do(const schedule::AppendWindows& append);
  absl::Status Do(const schedule::EndAttempt& end);
  absl::Status Do(const schedule::PutMachineTexts& put) { return outbox_.Do(put); }
  absl::Status Do(const schedule::AdvanceWandbRun& advance) { return outbox_.Do(advance); }
  absl::Status Do(const schedule::OpenWandbRun& open) { return outbox_.Do(open); }
  absl::Status Do(const schedule::ReviseWandbRuns& revise) { return outbox_.Do(revise); }

  /// What speaks against the result of an attempt whose windows are stored.
  absl::StatusOr<std::vector<std::string>> FindTaints(const schedule::EndAttempt& end);

  /// OK when the last UPDATE met its attempt; else ABORTED, saying why it did not. `next` is the first window's number.
  absl::Status RequireMet(const schedule::AttemptKey& key, std::string_view lease_token, absl::string_view doing,
                          std::uint32_t next = 0);

  Connection* connection_;
  OutboxWriter outbox_;
  Statement put_sweep_, put_job_, put_agent_, put_token_;
  Statement insert_attempt_, start_attempt_, advance_attempt_, end_attempt_, find_attempt_;
  Statement insert_window_, select_windows_, insert_result_;
};

}  // namespace rsg::store
