// A copy of the database, made while the coordinator writes. Errors as in store.hpp.
#pragma once
#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rsg::store {

struct Holdings {
  std::int64_t sweeps = 0;
  std::int64_t results = 0;
  std::int64_t windows = 0;
};

/// Copies what is committed now into `copy`, by SQLite's backup interface and a connection that only reads: one file,
/// whole without a WAL, 0600, on the disk when this returns. (VACUUM INTO of SQLite 3.40 fails on a table WITHOUT ROWID
/// that has a generated column, as `jobs`.) ALREADY_EXISTS when `copy` is there. Any thread, beside a Store.
absl::Status Copy(const std::filesystem::path& database, const std::filesystem::path& copy);

/// Reads the whole of a database that nobody writes, and says what it holds. DATA_LOSS when it is damaged,
/// FAILED_PRECONDITION when it is newer than this program or another program's.
absl::StatusOr<Holdings> Inspect(const std::filesystem::path& database);

/// Lets a copy that is going to be written go its own way in W&B: sweeps that come have runs other than those that came
/// to the original after the copy, whose numbers are the same, and runs that are not done yet are begun anew. On the
/// disk when this returns, without a WAL.
absl::Status MakeDistinct(const std::filesystem::path& database);

}  // namespace rsg::store
