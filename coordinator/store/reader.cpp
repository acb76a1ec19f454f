#include "coordinator/store/reader.hpp"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/store/query.hpp"
#include "coordinator/store/results_query.hpp"
#include "coordinator/store/rows.hpp"
#include "coordinator/store/schema.hpp"
#include "coordinator/store/sqlite.hpp"
#include "coordinator/store/transaction.hpp"
#include "coordinator/store/views.hpp"

namespace rsg::store {
namespace {

std::uint32_t Clamped(std::uint32_t limit) { return std::clamp(limit, 1U, kMaxPage); }

absl::StatusOr<schedule::JobKey> ReadKey(const Statement& row) { return schedule::JobKey{row.Int(0), row.Int(1)}; }

}  // namespace

struct Reader::Parts {
  explicit Parts(Connection opened) : connection(std::move(opened)) {}
  Connection connection;
};

absl::StatusOr<std::unique_ptr<Reader>> Reader::Open(const std::filesystem::path& database) {
  auto connection = Connection::Open(database, Connection::Access::kRead);
  if (!connection.ok()) return connection.status();
  const auto version = SchemaVersion(*connection);
  if (!version.ok()) return version.status();
  if (const auto newest = static_cast<std::int64_t>(Migrations().size()); *version != newest) {
    return absl::FailedPreconditionError(absl::StrCat("database ", database.string(), ": its schema is version ",
                                                      *version, ", this program reads version ", newest,
                                                      "; `rsg serve` of this program brings it up to date"));
  }
  return std::unique_ptr<Reader>(new Reader(std::make_unique<Parts>(*std::move(connection))));
}

absl::StatusOr<std::vector<v1::SweepStatus>> Reader::ListSweeps(std::uint32_t limit) {
  auto& connection = parts_->connection;
  auto transaction = Transaction::Begin(connection, Transaction::Kind::kRead);
  if (!transaction.ok()) return transaction.status();
  std::vector<schedule::SweepRecord> sweeps;
  auto read = Select(connection, absl::StrCat("SELECT ", kSweepColumns, " FROM sweeps ORDER BY sweep DESC LIMIT ?1"),
                     ReadSweep, &sweeps, Clamped(limit));
  if (!read.ok()) return read;

  auto counts = connection.Prepare(kSelectCounts);
  if (!counts.ok()) return counts.status();
  std::vector<v1::SweepStatus> statuses;
  for (const auto& sweep : sweeps) {
    if (auto started = counts->Start(sweep.sweep); !started.ok()) return started;
    if (const auto row = counts->Step(); !row.ok()) return row.status();
    statuses.push_back(StatusOf(sweep, *counts));
    counts->Reset();
  }
  return statuses;
}

absl::StatusOr<StoredSweep> Reader::FindSweep(std::int64_t sweep) {
  auto& connection = parts_->connection;
  auto transaction = Transaction::Begin(connection, Transaction::Kind::kRead);
  if (!transaction.ok()) return transaction.status();
  std::vector<schedule::SweepRecord> found;
  auto read = Select(connection, absl::StrCat("SELECT ", kSweepColumns, " FROM sweeps WHERE sweep = ?1"), ReadSweep,
                     &found, sweep);
  if (!read.ok()) return read;
  if (found.empty()) {
    return absl::NotFoundError(
        absl::StrCat("sweep_id: there is no sweep ", schedule::SweepId(sweep), "; `rsg sweep list` shows all"));
  }
  StoredSweep stored{.sweep = std::move(found.front()), .jobs = {}, .controls = {}};
  read = Select(connection, absl::StrCat("SELECT ", kJobColumns, " FROM jobs WHERE sweep = ?1 ORDER BY job"), ReadJob,
                &stored.jobs, sweep);
  if (!read.ok()) return read;
  std::vector<ShownJob> controls;
  read = Select(connection, absl::StrCat(kSelectShownJob, " WHERE j.sweep = ?1 AND j.role = 'CONTROL' ORDER BY j.job"),
                ReadShownJob, &controls, sweep);
  if (!read.ok()) return read;
  for (ShownJob& control : controls) stored.controls.push_back(std::move(*control.row.mutable_job()));
  return stored;
}

absl::StatusOr<std::optional<std::int64_t>> Reader::FindRequest(const std::string& request_id) {
  std::vector<std::int64_t> found;
  const auto number = [](const Statement& row) -> absl::StatusOr<std::int64_t> { return row.Int(0); };
  auto read = Select(parts_->connection, "SELECT sweep FROM sweeps WHERE request_id = ?1", number, &found, request_id);
  if (!read.ok()) return read;
  if (found.empty()) return std::optional<std::int64_t>();
  return found.front();
}

absl::StatusOr<PageOfJobs> Reader::JobsPage(std::int64_t sweep, std::int64_t after_job, std::uint32_t limit) {
  const std::uint32_t wanted = Clamped(limit);
  std::vector<ShownJob> shown;
  auto read = Select(parts_->connection,
                     absl::StrCat(kSelectShownJob, " WHERE j.sweep = ?1 AND j.job > ?2 ORDER BY j.job LIMIT ?3"),
                     ReadShownJob, &shown, sweep, after_job, wanted + 1);
  if (!read.ok()) return read;
  PageOfJobs page;
  if (shown.size() > wanted) {
    shown.resize(wanted);
    page.next = shown.back().key.job;
  }
  for (auto& job : shown) page.jobs.push_back(std::move(*job.row.mutable_job()));
  return page;
}

absl::StatusOr<PageOfResults> Reader::ResultsPage(const v1::QueryResultsRequest& request,
                                                  const std::optional<schedule::JobKey>& after, std::uint32_t limit) {
  auto& connection = parts_->connection;
  const std::uint32_t wanted = Clamped(limit);
  auto transaction = Transaction::Begin(connection, Transaction::Kind::kRead);
  if (!transaction.ok()) return transaction.status();
  auto selected = SelectResults(connection, request, after, wanted + 1);
  if (!selected.ok()) return selected.status();
  std::vector<schedule::JobKey> keys;
  if (auto read = AppendRows(*selected, ReadKey, &keys); !read.ok()) return read;

  PageOfResults page;
  if (keys.size() > wanted) {
    keys.resize(wanted);
    page.next = keys.back();
  }
  auto shown = connection.Prepare(absl::StrCat(kSelectShownJob, " WHERE j.sweep = ?1 AND j.job = ?2"));
  if (!shown.ok()) return shown.status();
  std::vector<ShownJob> rows;
  for (const auto& key : keys) {
    if (auto started = shown->Start(key.sweep, key.job); !started.ok()) return started;
    if (auto read = AppendRows(*shown, ReadShownJob, &rows); !read.ok()) return read;
  }
  for (auto& row : rows) page.rows.push_back(std::move(row.row));
  return page;
}

Reader::Reader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Reader::~Reader() = default;

}  // namespace rsg::store
