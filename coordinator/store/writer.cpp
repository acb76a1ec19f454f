#include "coordinator/store/writer.hpp"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "coordinator/schedule/plausibility.hpp"
#include "coordinator/store/query.hpp"
#include "coordinator/store/rows.hpp"
#include "coordinator/store/words.hpp"

namespace rsg::store {
namespace {

std::string Insert(absl::string_view table, absl::string_view columns) {
  std::vector<std::string> places;
  for ([[maybe_unused]] const auto column : absl::StrSplit(columns, ", ")) {
    places.push_back(absl::StrCat("?", places.size() + 1));
  }
  return absl::StrCat("INSERT INTO ", table, " (", columns, ") VALUES (", absl::StrJoin(places, ", "), ")");
}

// Not INSERT OR REPLACE: that deletes the old row, which others refer to.
std::string Upsert(absl::string_view table, absl::string_view columns, absl::string_view key) {
  std::vector<std::string> updates;
  for (const auto column : absl::StrSplit(columns, ", "))
    updates.push_back(absl::StrCat(column, " = excluded.", column));
  return absl::StrCat(Insert(table, columns), " ON CONFLICT (", key, ") DO UPDATE SET ", absl::StrJoin(updates, ", "));
}

// What every UPDATE of an attempt insists on: it is the one meant, its lease is current, it has not ended.
constexpr absl::string_view kCurrent =
    " WHERE sweep = ?1 AND job = ?2 AND attempt = ?3 AND lease_token = ?4 AND state <> 'ENDED'";

}  // namespace

absl::StatusOr<Writer> Writer::Prepare(Connection& connection) {
  auto outbox = OutboxWriter::Prepare(connection);
  if (!outbox.ok()) return outbox.status();
  Writer writer(connection, *std::move(outbox));
  const std::array<std::pair<Statement*, std::string>, 12> statements{{
      {&writer.put_sweep_, Upsert("sweeps", kSweepColumns, "sweep")},
      {&writer.put_job_, Upsert("jobs", kJobColumns, "sweep, job")},
      {&writer.put_agent_, Upsert("agents", kAgentColumns, "agent_id")},
      {&writer.put_token_, Upsert("tokens", kTokenColumns, "token_id")},
      {&writer.insert_attempt_, Insert("attempts", kAttemptColumns)},
      {&writer.start_attempt_, absl::StrCat("UPDATE attempts SET state = 'RUNNING', started_unix = ?5", kCurrent)},
      {&writer.advance_attempt_,
       absl::StrCat("UPDATE attempts SET last_sequence = ?6", kCurrent, " AND last_sequence = ?5 - 1")},
      {&writer.end_attempt_,
       absl::StrCat("UPDATE attempts SET state = 'ENDED', outcome = ?5, error = ?6, log_tail = ?7, "
                    "runtime_seconds = ?8, ended_unix = ?9",
                    kCurrent)},
      {&writer.find_attempt_,
       "SELECT lease_token, state, last_sequence FROM attempts WHERE sweep = ?1 AND job = ?2 AND attempt = ?3"},
      {&writer.insert_window_, Insert("windows", kWindowColumns)},
      {&writer.select_windows_,
       "SELECT steps, samples, seconds, wall_seconds, start_seconds, warm_up FROM windows "
       "WHERE sweep = ?1 AND job = ?2 AND attempt = ?3 ORDER BY sequence"},
      {&writer.insert_result_, Insert("results", kResultColumns)},
  }};
  for (const auto& [statement, sql] : statements) {
    auto prepared = connection.Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return writer;
}

absl::Status Writer::Apply(const schedule::Change& change) {
  return std::visit([this](const auto& concrete) { return Do(concrete); }, change);
}

absl::Status Writer::Do(const schedule::PutSweep& put) { return RunWith(put_sweep_, put.sweep); }
absl::Status Writer::Do(const schedule::PutJob& put) { return RunWith(put_job_, put.job); }
absl::Status Writer::Do(const schedule::PutAgent& put) { return RunWith(put_agent_, put.agent); }
absl::Status Writer::Do(const schedule::PutToken& put) { return RunWith(put_token_, put.token); }
absl::Status Writer::Do(const schedule::InsertAttempt& insert) { return RunWith(insert_attempt_, insert.attempt); }

absl::Status Writer::Do(const schedule::StartAttempt& start) {
  const auto& [job, attempt] = start.key;
  auto updated = start_attempt_.Run(job.sweep, job.job, attempt, start.lease_token, start.started_unix);
  if (!updated.ok()) return updated;
  if (auto met = RequireMet(start.key, start.lease_token, "start"); !met.ok()) return met;
  return outbox_.OnAttempt(job, start.started_unix);
}

absl::Status Writer::Do(const schedule::AppendWindows& append) {
  if (append.windows.empty()) return absl::OkStatus();
  const std::uint32_t first = append.windows.front().sequence();
  for (std::size_t i = 0; i < append.windows.size(); ++i) {
    if (append.windows[i].sequence() == first + i) continue;
    return absl::AbortedError(absl::StrCat("attempt ", Id(append.key), ": window ", append.windows[i].sequence(),
                                           " where ", first + i, " is next; send them without gaps"));
  }
  const auto& [job, attempt] = append.key;
  const std::uint32_t last = append.windows.back().sequence();
  auto updated = advance_attempt_.Run(job.sweep, job.job, attempt, append.lease_token, first, last);
  if (!updated.ok()) return updated;
  if (auto met = RequireMet(append.key, append.lease_token, "append windows to", first); !met.ok()) return met;
  for (const auto& window : append.windows) {
    if (auto inserted = RunWith(insert_window_, append.key, window); !inserted.ok()) return inserted;
  }
  return absl::OkStatus();
}

absl::Status Writer::Do(const schedule::EndAttempt& end) {
  if (end.result && end.outcome != v1::OUTCOME_COMPLETED) {
    return absl::InvalidArgumentError(absl::StrCat("attempt ", Id(end.key), ": outcome ", Word(end.outcome),
                                                   " with a result; only COMPLETED has one"));
  }
  const auto& [job, attempt] = end.key;
  auto updated = end_attempt_.Run(job.sweep, job.job, attempt, end.lease_token, OrNull(Word(end.outcome)), end.error,
                                  end.log_tail, end.runtime_seconds, end.ended_unix);
  if (!updated.ok()) return updated;
  if (auto met = RequireMet(end.key, end.lease_token, "end"); !met.ok()) return met;
  // One that never started is told of in W&B, too, when its end says something of the cell.
  const bool told = end.outcome != v1::OUTCOME_LOST && end.outcome != v1::OUTCOME_CANCELLED &&
                    end.outcome != v1::OUTCOME_SKIPPED;
  if (auto noted = told ? outbox_.OnAttempt(job, end.ended_unix) : absl::OkStatus(); !noted.ok()) return noted;
  if (!end.result) return absl::OkStatus();
  const auto taints = FindTaints(end);
  if (!taints.ok()) return taints.status();
  v1::Result result = *end.result;
  result.mutable_taints()->Assign(taints->begin(), taints->end());
  return RunWith(insert_result_, end.key, result);
}

absl::StatusOr<std::vector<std::string>> Writer::FindTaints(const schedule::EndAttempt& end) {
  // Read back rather than added up as they come: so it does not matter who was restarted in between.
  const auto& [job, attempt] = end.key;
  std::vector<schedule::MeasuredWindow> windows;
  if (auto started = select_windows_.Start(job.sweep, job.job, attempt); !started.ok()) return started;
  const auto read = [](const Statement& row) -> absl::StatusOr<schedule::MeasuredWindow> {
    return schedule::MeasuredWindow{.steps = row.Uint(0),
                                    .samples = row.Uint(1),
                                    .seconds = row.Real(2),
                                    .wall_seconds = row.Real(3),
                                    .start_seconds = row.Real(4),
                                    .warm_up = row.Int(5) != 0};
  };
  if (auto all = AppendRows(select_windows_, read, &windows); !all.ok()) return all;
  return schedule::FindTaints(windows, *end.result, end.elapsed_seconds);
}

absl::Status Writer::RequireMet(const schedule::AttemptKey& key, std::string_view lease_token, absl::string_view doing,
                                std::uint32_t next) {
  if (connection_->Changes() == 1) return absl::OkStatus();
  const std::string what = absl::StrCat("attempt ", Id(key), ": cannot ", doing, " it: ");
  if (auto started = find_attempt_.Start(key.job.sweep, key.job.job, key.attempt); !started.ok()) return started;
  const auto found = find_attempt_.Step();
  if (!found.ok()) return found.status();
  if (!*found) return absl::AbortedError(absl::StrCat(what, "there is no such attempt"));
  const bool same_lease = find_attempt_.Text(0) == lease_token;
  const bool ended = find_attempt_.Text(1) == "ENDED";
  const auto last_sequence = find_attempt_.Int(2);
  find_attempt_.Reset();
  if (!same_lease) return absl::AbortedError(absl::StrCat(what, "its lease token is another one"));
  if (ended) return absl::AbortedError(absl::StrCat(what, "it has ended"));
  return absl::AbortedError(
      absl::StrCat(what, "window ", next, " does not continue the ", last_sequence, " stored ones"));
}

}  // namespace rsg::store
