#include "coordinator/store/backup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/store/schema.hpp"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {
namespace {

absl::Status Sync(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (synced) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", file.string(), " to its disk"));
}

// Sweeps that come have runs by the new id. Runs that were under way are begun anew: what the original has sent of them
// since is not what comes now. What was done is left as it is.
constexpr char kNewRunIds[] = R"sql(
UPDATE wandb_database SET id = lower(hex(randomblob(16)));
UPDATE wandb_runs SET phase = 'NEW', error = '', storage_id = '', sent_entity = '', sent_project = '', lines_sent = 0,
  chunk_end = NULL, chunk_exit = NULL, files_sent = 0, resends = 0, revision = revision + 1,
  run_id = run_id || '-r' || lower(hex(randomblob(4))) WHERE phase <> 'DONE')sql";

// All is in one file then.
absl::Status EndJournal(Connection& connection) {
  auto mode = connection.Prepare("PRAGMA journal_mode = DELETE");
  if (!mode.ok()) return mode.status();
  const auto row = mode->Step();
  if (!row.ok()) return row.status();
  if (const std::string now(mode->Text(0)); now != "delete")
    return absl::InternalError(absl::StrCat("cannot end the copy: its journal is still of the mode ", now));
  return absl::OkStatus();
}

}  // namespace

absl::Status Copy(const std::filesystem::path& database, const std::filesystem::path& copy) {
  auto source = Connection::Open(database, Connection::Access::kRead);
  if (!source.ok()) return source.status();
  if (const auto version = SchemaVersion(*source); !version.ok()) return version.status();
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(copy, error)))
    return absl::AlreadyExistsError(absl::StrCat(copy.string(), " is there already"));
  absl::Status copied;
  {
    auto target = Connection::Open(copy, Connection::Access::kWrite);
    if (!target.ok()) return target.status();
    // All pages in one step, and so of one moment: the coordinator's commits go to the WAL meanwhile.
    sqlite3_backup* backup = sqlite3_backup_init(target->handle(), "main", source->handle(), "main");
    // The error is with the target's handle; of a source that cannot be read, too.
    if (backup == nullptr || sqlite3_backup_step(backup, -1) != SQLITE_DONE)
      copied = SqliteError(target->handle(), "copy it");
    sqlite3_backup_finish(backup);
    if (copied.ok()) copied = EndJournal(*target);
  }
  if (copied.ok()) copied = Sync(copy);
  if (!copied.ok()) std::filesystem::remove(copy, error);
  return copied;
}

absl::StatusOr<Holdings> Inspect(const std::filesystem::path& database) {
  auto connection = Connection::Open(database, Connection::Access::kRead);
  if (!connection.ok()) return connection.status();
  if (const auto version = SchemaVersion(*connection); !version.ok()) return version.status();
  auto check = connection->Prepare("PRAGMA quick_check(1)");
  if (!check.ok()) return check.status();
  const auto row = check->Step();
  if (!row.ok()) return row.status();
  if (const std::string verdict(check->Text(0)); verdict != "ok")
    return absl::DataLossError(absl::StrCat("database ", database.string(), " is damaged: ", verdict));
  check->Reset();
  Holdings holdings;
  for (const auto& [sql, count] : {std::pair{"SELECT COUNT(*) FROM sweeps", &holdings.sweeps},
                                   std::pair{"SELECT COUNT(*) FROM results", &holdings.results},
                                   std::pair{"SELECT COUNT(*) FROM windows", &holdings.windows}}) {
    const auto number = connection->Number(sql);
    if (!number.ok()) return number.status();
    *count = *number;
  }
  return holdings;
}

absl::Status MakeDistinct(const std::filesystem::path& database) {
  absl::Status done;
  {
    auto connection = Connection::Open(database, Connection::Access::kWrite);
    if (!connection.ok()) return connection.status();
    const auto known = connection->Number("SELECT COUNT(*) FROM sqlite_master WHERE name = 'wandb_database'");
    if (!known.ok()) return known.status();
    // An older one is given its id when its schema is brought up to date.
    if (*known > 0) done = connection->Execute(kNewRunIds, "tell it apart");
    if (done.ok()) done = EndJournal(*connection);
  }
  return done.ok() ? Sync(database) : done;
}

}  // namespace rsg::store
