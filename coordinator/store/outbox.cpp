#include "coordinator/store/outbox.hpp"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/store/query.hpp"
#include "coordinator/store/rows.hpp"
#include "coordinator/store/schema.hpp"
#include "coordinator/store/transaction.hpp"
#include "coordinator/store/words.hpp"

namespace rsg::store {
namespace {

using schedule::WandbPhase;

constexpr std::array kPhases{std::pair{WandbPhase::kNew, "NEW"}, std::pair{WandbPhase::kStreaming, "STREAMING"},
                             std::pair{WandbPhase::kCompleted, "COMPLETED"}, std::pair{WandbPhase::kDone, "DONE"},
                             std::pair{WandbPhase::kStuck, "STUCK"}};

// Attempts whose end is a line: EndHasLine in SQL.
constexpr absl::string_view kEndHasLine =
    "a.state = 'ENDED' AND (a.started_unix IS NOT NULL OR a.last_sequence > 0 OR a.outcome IN "
    "('COMPLETED', 'OUT_OF_MEMORY', 'UNSUPPORTED', 'FAILED'))";

std::string Lines() {
  return absl::StrCat("(SELECT 1 + TOTAL(a.last_sequence + CASE WHEN ", kEndHasLine,
                      " THEN 1 ELSE 0 END) FROM attempts AS a WHERE a.sweep = r.sweep AND a.job = r.job)");
}

std::string SelectRuns() {
  return absl::StrCat(
      "SELECT r.sweep, r.job, r.entity, r.project, r.run_id, r.phase, r.storage_id, r.sent_entity, r.sent_project, "
      "r.lines_sent, r.chunk_end, r.chunk_exit, r.files_sent, r.error, r.revision, j.state = 'ENDED', j.outcome, ",
      Lines(), " FROM wandb_runs AS r JOIN jobs AS j ON j.sweep = r.sweep AND j.job = r.job");
}

constexpr absl::string_view kUnfinished = "r.phase IN ('NEW', 'STREAMING', 'COMPLETED')";

absl::StatusOr<UnsentRun> ReadRun(const Statement& row) {
  UnsentRun unsent;
  schedule::WandbRun& run = unsent.run;
  run.job = {row.Int(0), row.Int(1)};
  run.target = {std::string(row.Text(2)), std::string(row.Text(3))};
  run.run_id = row.Text(4);
  for (const auto& [phase, word] : kPhases)
    if (row.Text(5) == word) run.phase = phase;
  run.storage_id = row.Text(6);
  run.sent = {std::string(row.Text(7)), std::string(row.Text(8))};
  run.lines_sent = row.Uint(9);
  if (!row.IsNull(10)) run.chunk_end = row.Uint(10);
  if (!row.IsNull(11)) run.chunk_exit = static_cast<int>(row.Int(11));
  run.files_sent = row.Int(12) != 0;
  run.error = row.Text(13);
  run.revision = row.Int(14);
  unsent.ended = row.Int(15) != 0;
  const auto outcome = EnumOf<v1::Outcome>(row.Text(16), "jobs.outcome");
  if (!outcome.ok()) return outcome.status();
  unsent.outcome = *outcome;
  unsent.lines = static_cast<std::uint32_t>(row.Real(17));
  return unsent;
}

absl::StatusOr<schedule::JobKey> ReadKey(const Statement& row) { return schedule::JobKey{row.Int(0), row.Int(1)}; }

absl::StatusOr<std::string> ReadText(const Statement& row) { return std::string(row.Text(0)); }

}  // namespace

bool EndHasLine(const schedule::AttemptRecord& attempt) {
  if (attempt.state != v1::JOB_STATE_ENDED) return false;
  if (attempt.started_unix || attempt.last_sequence > 0) return true;
  return attempt.outcome == v1::OUTCOME_COMPLETED || attempt.outcome == v1::OUTCOME_OUT_OF_MEMORY ||
         attempt.outcome == v1::OUTCOME_UNSUPPORTED || attempt.outcome == v1::OUTCOME_FAILED;
}

const char* PhaseWord(WandbPhase phase) {
  for (const auto& [known, word] : kPhases)
    if (known == phase) return word;
  return "";
}

absl::StatusOr<std::unique_ptr<OutboxReader>> OutboxReader::Open(const std::filesystem::path& database) {
  auto connection = Connection::Open(database, Connection::Access::kRead);
  if (!connection.ok()) return connection.status();
  const auto version = SchemaVersion(*connection);
  if (!version.ok()) return version.status();
  if (*version != static_cast<std::int64_t>(Migrations().size()))
    return absl::FailedPreconditionError(absl::StrCat("database ", database.string(), ": its schema is version ",
                                                      *version, "; `rsg serve` of this program brings it up to date"));
  return std::unique_ptr<OutboxReader>(new OutboxReader(*std::move(connection)));
}

absl::StatusOr<std::vector<UnsentRun>> OutboxReader::Unsent(std::uint32_t limit) {
  std::vector<UnsentRun> runs;
  auto read = Select(
      connection_,
      absl::StrCat(SelectRuns(), " WHERE ", kUnfinished, " ORDER BY r.sweep, r.job, r.entity, r.project LIMIT ?1"),
      ReadRun, &runs, limit);
  if (!read.ok()) return read;
  return runs;
}

absl::StatusOr<std::optional<UnsentRun>> OutboxReader::Find(const schedule::JobKey& job,
                                                            const schedule::WandbTarget& target) {
  std::vector<UnsentRun> runs;
  auto read = Select(connection_,
                     absl::StrCat(SelectRuns(),
                                  " WHERE r.sweep = ?1 AND r.job = ?2 AND r.entity = ?3 AND "
                                  "r.project = ?4"),
                     ReadRun, &runs, job.sweep, job.job, target.entity, target.project);
  if (!read.ok()) return read;
  if (runs.empty()) return std::optional<UnsentRun>();
  return std::move(runs.front());
}

absl::StatusOr<RunContent> OutboxReader::Content(const schedule::JobKey& job, const schedule::WandbTarget& target) {
  auto transaction = Transaction::Begin(connection_, Transaction::Kind::kRead);
  if (!transaction.ok()) return transaction.status();
  std::vector<schedule::SweepRecord> sweeps;
  std::vector<schedule::JobRecord> jobs;
  std::vector<std::string> results;
  std::vector<std::string> ids;
  RunContent content;
  auto read = Select(connection_, absl::StrCat("SELECT ", kSweepColumns, " FROM sweeps WHERE sweep = ?1"), ReadSweep,
                     &sweeps, job.sweep);
  read.Update(Select(connection_, absl::StrCat("SELECT ", kJobColumns, " FROM jobs WHERE sweep = ?1 AND job = ?2"),
                     ReadJob, &jobs, job.sweep, job.job));
  read.Update(
      Select(connection_,
             absl::StrCat("SELECT ", kAttemptColumns, " FROM attempts WHERE sweep = ?1 AND job = ?2 ORDER BY attempt"),
             ReadAttempt, &content.attempts, job.sweep, job.job));
  read.Update(Select(connection_, "SELECT result FROM results WHERE sweep = ?1 AND job = ?2", ReadText, &results,
                     job.sweep, job.job));
  read.Update(Select(connection_, "SELECT id FROM wandb_database", ReadText, &ids));
  const auto machine = [&content](const Statement& row) -> absl::StatusOr<bool> {
    content.agent = row.Text(1);
    auto parsed = MessageOf(row.Text(0), "wandb_runs.machine", &content.machine);
    if (!parsed.ok()) return parsed;
    return true;
  };
  std::vector<bool> found;
  read.Update(Select(connection_,
                     "SELECT machine, agent FROM wandb_runs WHERE sweep = ?1 AND job = ?2 AND entity = ?3 AND "
                     "project = ?4",
                     machine, &found, job.sweep, job.job, target.entity, target.project));
  const auto texts = [&content](const Statement& row) -> absl::StatusOr<bool> {
    content.cpu_info = row.Text(0);
    content.gpu_info = row.Text(1);
    return true;
  };
  if (read.ok() && !content.attempts.empty())
    read.Update(Select(connection_, "SELECT cpu_info, gpu_info FROM machine_texts WHERE agent_id = ?1", texts, &found,
                       content.attempts.back().agent_id));
  if (!read.ok()) return read;
  if (sweeps.empty() || jobs.empty() || found.empty() || ids.empty())
    return absl::NotFoundError(absl::StrCat("there is no run of ", schedule::Id(job)));
  for (schedule::AttemptRecord& attempt : content.attempts) attempt.lease_token.clear();
  content.sweep = std::move(sweeps.front());
  content.job = std::move(jobs.front());
  content.database_id = std::move(ids.front());
  if (!results.empty()) {
    auto parsed = MessageOf(results.front(), "results.result", &content.result.emplace());
    if (!parsed.ok()) return parsed;
  }
  return content;
}

absl::StatusOr<std::vector<v1::Window>> OutboxReader::Windows(const schedule::AttemptKey& attempt, std::uint32_t first,
                                                              std::uint32_t limit) {
  std::vector<v1::Window> windows;
  auto read = Select(connection_,
                     absl::StrCat("SELECT ", kWindowColumns, " FROM windows WHERE sweep = ?1 AND job = ?2 AND ",
                                  "attempt = ?3 AND sequence >= ?4 ORDER BY sequence LIMIT ?5"),
                     ReadWindow, &windows, attempt.job.sweep, attempt.job.job, attempt.attempt, first, limit);
  if (!read.ok()) return read;
  return windows;
}

absl::StatusOr<OutboxCounts> OutboxReader::Counts(std::optional<std::int64_t> sweep, std::optional<std::int64_t> job) {
  const std::string unfinished(kUnfinished);
  auto statement = connection_.Prepare(absl::StrCat(
      "SELECT COUNT(*) FILTER (WHERE ", unfinished, "), COUNT(*) FILTER (WHERE ", unfinished,
      " AND j.state <> 'ENDED'), COUNT(*) FILTER (WHERE r.phase = 'DONE'), COUNT(*) FILTER (WHERE r.phase = 'STUCK'), "
      "TOTAL(CASE WHEN r.phase = 'DONE' THEN 0 ELSE ",
      Lines(), " - r.lines_sent END), MIN(CASE WHEN ", unfinished,
      " THEN j.ended_unix END), MAX(CASE WHEN r.phase = 'STUCK' THEN r.error END) "
      "FROM wandb_runs AS r JOIN jobs AS j ON j.sweep = r.sweep AND j.job = r.job WHERE (?1 IS NULL OR r.sweep = ?1) "
      "AND "
      "(?2 IS NULL OR r.job = ?2)"));
  if (!statement.ok()) return statement.status();
  if (auto started = statement->Start(sweep, job); !started.ok()) return started;
  if (const auto row = statement->Step(); !row.ok()) return row.status();
  const auto count = [&](int column) { return static_cast<std::uint64_t>(statement->Int(column)); };
  return OutboxCounts{.unsent = count(0),
                      .running = count(1),
                      .done = count(2),
                      .stuck = count(3),
                      .unsent_lines = count(4),
                      .oldest_unix = statement->OptionalReal(5),
                      .stuck_error = std::string(statement->Text(6))};
}

absl::StatusOr<std::vector<schedule::JobKey>> OutboxReader::WithoutRun(const schedule::WandbTarget& target,
                                                                       std::optional<std::int64_t> sweep,
                                                                       const schedule::JobKey& after,
                                                                       std::uint32_t limit) {
  std::vector<schedule::JobKey> keys;
  auto read =
      Select(connection_,
             absl::StrCat("SELECT j.sweep, j.job FROM jobs AS j WHERE (j.sweep, j.job) > (?1, ?2) AND "
                          "(?3 IS NULL OR j.sweep = ?3) AND j.role = 'MEASUREMENT' AND EXISTS (SELECT 1 FROM "
                          "attempts AS a WHERE a.sweep = j.sweep AND a.job = j.job AND (a.state = 'RUNNING' "
                          "OR (",
                          kEndHasLine,
                          "))) AND NOT EXISTS (SELECT 1 FROM wandb_runs AS r WHERE r.sweep = j.sweep AND "
                          "r.job = j.job AND r.entity = ?4 AND r.project = ?5) ORDER BY j.sweep, j.job LIMIT ?6"),
             ReadKey, &keys, after.sweep, after.job, sweep, target.entity, target.project, limit);
  if (!read.ok()) return read;
  return keys;
}

}  // namespace rsg::store
