#include "coordinator/store/store.hpp"

#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/store/loader.hpp"
#include "coordinator/store/schema.hpp"
#include "coordinator/store/sqlite.hpp"
#include "coordinator/store/transaction.hpp"
#include "coordinator/store/writer.hpp"

namespace rsg::store {
namespace {

// Foreign keys are off by default. A checkpoint every 16 MiB of WAL keeps its share of the work small, and the WAL file
// is cut back to 64 MiB should a reader have let it grow. The cache holds the last page of 10,000 attempts.
constexpr char kSettings[] =
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA wal_autocheckpoint = 4000;"
    "PRAGMA journal_size_limit = 67108864;"
    "PRAGMA cache_size = -131072;";

// Commits that a kill left in the WAL may be in the system's cache only: where an fsync has failed, Linux forgets that
// the pages are not on the disk, and all later commits would rest on them. A checkpoint writes them anew, into the
// database.
constexpr char kSettle[] = "PRAGMA wal_checkpoint(TRUNCATE)";

absl::Status SwitchToWal(Connection& connection) {
  auto statement = connection.Prepare("PRAGMA journal_mode = WAL");
  if (!statement.ok()) return statement.status();
  const auto row = statement->Step();
  if (!row.ok()) return row.status();
  if (*row && statement->Text(0) == "wal") return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("database ", sqlite3_db_filename(connection.handle(), "main"), ": its file system cannot hold a ",
                   "write-ahead log (shared memory is missing); put the state directory on a local disk"));
}

}  // namespace

struct Store::Parts {
  explicit Parts(Connection opened) : connection(std::move(opened)) {}
  Connection connection;
  std::optional<Writer> writer;  // holds statements: declared after, so destroyed before the connection
};

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::filesystem::path& database) {
  auto connection = Connection::Open(database, Connection::Access::kWrite);
  if (!connection.ok()) return connection.status();
  // Before anything is written: another program's file stays as it is.
  if (const auto version = SchemaVersion(*connection); !version.ok()) return version.status();
  if (auto wal = SwitchToWal(*connection); !wal.ok()) return wal;
  if (auto set = connection->Execute(kSettings, "configure the connection"); !set.ok()) return set;
  if (auto settled = connection->Execute(kSettle, "settle what an earlier run has left"); !settled.ok()) return settled;
  if (auto migrated = Migrate(*connection); !migrated.ok()) return migrated;

  auto parts = std::make_unique<Parts>(*std::move(connection));
  auto writer = Writer::Prepare(parts->connection);
  if (!writer.ok()) return writer.status();
  parts->writer = *std::move(writer);
  return std::unique_ptr<Store>(new Store(std::move(parts)));
}

absl::StatusOr<schedule::Snapshot> Store::Load() { return LoadSnapshot(parts_->connection); }

absl::Status Store::Apply(std::span<const schedule::Change> changes) {
  if (changes.empty()) return absl::OkStatus();
  auto transaction = Transaction::Begin(parts_->connection, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.status();
  for (const auto& change : changes) {
    if (auto done = parts_->writer->Apply(change); !done.ok()) return done;
  }
  return transaction->Commit();
}

void Store::ForwardNewJobs(std::optional<schedule::WandbTarget> target) {
  parts_->writer->outbox().ForwardNewJobs(std::move(target));
}

Store::Store(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Store::~Store() {
  // Closing does this, too, but only when no reader is left.
  (void)parts_->connection.Execute(kSettle, "checkpoint");
}

}  // namespace rsg::store
