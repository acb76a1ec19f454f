// The coordinator's memory on disk: one SQLite database, written through this one connection.
//
// What Apply has returned OK for is durable: it survives kill -9 and power loss (WAL, synchronous=FULL). One Store a
// database, all calls from one thread (the writer thread); the caller guards the folder with a FileLock. Whoever only
// reads uses a Reader.
//
// Errors name the database and the remedy:
//   FAILED_PRECONDITION  newer than this program, or another program's database (it is left as it is)
//   DATA_LOSS            damaged, or no SQLite database at all
//   RESOURCE_EXHAUSTED   disk full, quota or file size limit
//   PERMISSION_DENIED    may not be read or written
//   UNAVAILABLE          another program holds the write lock, or an I/O error
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"

namespace rsg::store {

class Store {
 public:
  /// Opens the database, makes it (0600) when it is absent, brings its schema up to date.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::filesystem::path& database);

  /// What a restart begins with. Attempts that have not ended are there whatever the state of their sweep.
  absl::StatusOr<schedule::Snapshot> Load();

  /// Stores all changes, in order, in one transaction, or none of them; usable again after any error. Besides the
  /// above:
  ///   ABORTED           an attempt is unknown, has another lease token or has ended; or windows do not continue it
  ///   ALREADY_EXISTS    a second result of a job, an attempt, request id or hash that is already there
  ///   INVALID_ARGUMENT  a record that contradicts itself (a result of a failed attempt, a state that is no state)
  absl::Status Apply(std::span<const schedule::Change> changes);

  /// Whether jobs that start from now on are forwarded to W&B, and to which place there; at first they are not.
  void ForwardNewJobs(std::optional<schedule::WandbTarget> target);

  /// Moves the WAL into the database; when no reader is left its files go too.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

 private:
  struct Parts;
  explicit Store(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace rsg::store
