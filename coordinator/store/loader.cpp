#include "coordinator/store/loader.hpp"

#include "absl/strings/str_cat.h"
#include "coordinator/store/query.hpp"
#include "coordinator/store/rows.hpp"
#include "coordinator/store/transaction.hpp"
#include "coordinator/store/views.hpp"

namespace rsg::store {
namespace {

constexpr char kOpenSweep[] = "state NOT IN ('COMPLETED', 'CANCELLED')";

}  // namespace

absl::StatusOr<schedule::Snapshot> LoadSnapshot(Connection& connection) {
  auto transaction = Transaction::Begin(connection, Transaction::Kind::kRead);
  if (!transaction.ok()) return transaction.status();
  schedule::Snapshot snapshot;
  const auto last_sweep = connection.Number("SELECT MAX(sweep) FROM sweeps");
  if (!last_sweep.ok()) return last_sweep.status();
  snapshot.last_sweep = *last_sweep;

  auto read = Select(connection, absl::StrCat("SELECT ", kTokenColumns, " FROM tokens ORDER BY token_id"), ReadToken,
                     &snapshot.tokens);
  read.Update(Select(connection, absl::StrCat("SELECT ", kAgentColumns, " FROM agents ORDER BY agent_id"), ReadAgent,
                     &snapshot.agents));
  read.Update(Select(connection,
                     absl::StrCat("SELECT ", kSweepColumns, " FROM sweeps WHERE ", kOpenSweep, " ORDER BY sweep"),
                     ReadSweep, &snapshot.sweeps));
  read.Update(Select(connection,
                     absl::StrCat("SELECT ", kJobColumns, " FROM jobs WHERE sweep IN (SELECT sweep FROM sweeps WHERE ",
                                  kOpenSweep, ") ORDER BY sweep, job"),
                     ReadJob, &snapshot.jobs));
  read.Update(Select(
      connection,
      absl::StrCat("SELECT ", kAttemptColumns, " FROM attempts WHERE state <> 'ENDED' ORDER BY sweep, job, attempt"),
      ReadAttempt, &snapshot.attempts));
  std::vector<ShownJob> controls;
  read.Update(
      Select(connection,
             absl::StrCat(kSelectShownJob, " WHERE j.role = 'CONTROL' AND j.outcome = 'COMPLETED' AND j.sweep IN ",
                          "(SELECT sweep FROM sweeps WHERE ", kOpenSweep, ") ORDER BY j.sweep, j.job"),
             ReadShownJob, &controls));
  if (!read.ok()) return read;
  for (ShownJob& control : controls) snapshot.controls.push_back(std::move(*control.row.mutable_job()));
  if (auto ended = transaction->Commit(); !ended.ok()) return ended;
  return snapshot;
}

}  // namespace rsg::store
