// What W&B is yet to learn, read from the database. A read-only connection of its own, used by one thread at a time;
// each call is one short transaction and reads a bounded number of rows. Errors as in store.hpp.
//
// The history of a job's run is made of lines, numbered from 0: the facts; then for each attempt, in their order, a
// line for each of its windows, and a line for its end once it has ended. An attempt that never started has a line for
// its end only when that tells something of the job (EndHasLine). Lines are never changed and never change their
// number: windows are only appended, and an attempt begins after the one before has ended.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

/// A run that is neither done nor stuck, and how far it could come.
struct UnsentRun {
  schedule::WandbRun run;
  std::uint32_t lines = 0;  ///< of its history as it is stored now
  bool ended = false;       ///< the job has; then `outcome` is set
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
};

/// What all lines of a run rest on.
struct RunContent {
  schedule::SweepRecord sweep;
  schedule::JobRecord job;
  std::vector<schedule::AttemptRecord> attempts;  ///< all, in order; without lease tokens
  std::optional<v1::Result> result;               ///< of the attempt that COMPLETED
  v1::MachineFacts machine;                       ///< when the run was opened
  std::string agent;                              ///< its name then
  std::string cpu_info;                           ///< what its newest agent says of the machine, for people
  std::string gpu_info;
  std::string database_id;  ///< random; the same for all runs of a database
};

struct OutboxCounts {
  std::uint64_t unsent = 0;   ///< runs of jobs that go on or have just ended: neither done nor stuck
  std::uint64_t running = 0;  ///< of them the job has not ended
  std::uint64_t done = 0;
  std::uint64_t stuck = 0;
  std::uint64_t unsent_lines = 0;     ///< history lines that W&B has not confirmed, of unsent and stuck runs
  std::optional<double> oldest_unix;  ///< since when the oldest of the runs waits whose jobs have ended
  std::string stuck_error;            ///< of one stuck run
};

class OutboxReader {
 public:
  static absl::StatusOr<std::unique_ptr<OutboxReader>> Open(const std::filesystem::path& database);

  /// The oldest jobs' first.
  absl::StatusOr<std::vector<UnsentRun>> Unsent(std::uint32_t limit);
  /// One run, whatever its phase; nothing when there is none.
  absl::StatusOr<std::optional<UnsentRun>> Find(const schedule::JobKey& job, const schedule::WandbTarget& target);
  absl::StatusOr<RunContent> Content(const schedule::JobKey& job, const schedule::WandbTarget& target);
  /// Windows of an attempt from `first` on.
  absl::StatusOr<std::vector<v1::Window>> Windows(const schedule::AttemptKey& attempt, std::uint32_t first,
                                                  std::uint32_t limit);

  /// Of all runs, a sweep's, or a job's.
  absl::StatusOr<OutboxCounts> Counts(std::optional<std::int64_t> sweep, std::optional<std::int64_t> job);
  /// Jobs that could have a run with the target and have none, after the one given.
  absl::StatusOr<std::vector<schedule::JobKey>> WithoutRun(const schedule::WandbTarget& target,
                                                           std::optional<std::int64_t> sweep,
                                                           const schedule::JobKey& after, std::uint32_t limit);

 private:
  explicit OutboxReader(Connection connection) : connection_(std::move(connection)) {}
  Connection connection_;
};

/// Whether the end of an ended attempt is a line.
bool EndHasLine(const schedule::AttemptRecord& attempt);

/// The phase as the database has it.
const char* PhaseWord(schedule::WandbPhase phase);

}  // namespace rsg::store
