#include "coordinator/store/outbox_writer.hpp"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/fingerprint.hpp"
#include "coordinator/store/outbox.hpp"

namespace rsg::store {
namespace {

// The machine is that of the newest attempt. The run's facts rest on this copy: what an agent says later of its machine
// must not change a line that W&B has already.
constexpr absl::string_view kOpen = R"sql(
INSERT INTO wandb_runs (sweep, job, entity, project, run_id, phase, machine, agent, opened_unix)
SELECT j.sweep, j.job, ?3, ?4, ?5, 'NEW', json_remove(g.machine, '$.models'), g.name, ?6
FROM jobs AS j
JOIN attempts AS a ON a.sweep = j.sweep AND a.job = j.job
JOIN agents AS g ON g.agent_id = a.agent_id
WHERE j.sweep = ?1 AND j.job = ?2 AND j.role = 'MEASUREMENT'
ORDER BY a.attempt DESC LIMIT 1
ON CONFLICT DO NOTHING)sql";

constexpr absl::string_view kReopen =
    "UPDATE wandb_runs SET phase = 'NEW', revision = revision + 1 WHERE sweep = ?1 AND job = ?2 AND phase IN "
    "('COMPLETED', 'DONE')";

constexpr absl::string_view kPutTexts =
    "INSERT INTO machine_texts VALUES (?1, ?2, ?3) ON CONFLICT (agent_id) DO UPDATE SET cpu_info = excluded.cpu_info, "
    "gpu_info = excluded.gpu_info WHERE cpu_info <> excluded.cpu_info OR gpu_info <> excluded.gpu_info";

constexpr absl::string_view kAdvance = R"sql(
UPDATE wandb_runs SET phase = ?6, storage_id = ?7, sent_entity = ?8, sent_project = ?9, lines_sent = ?10,
  chunk_end = ?11, chunk_exit = ?12, files_sent = ?13, error = ?14, advanced_unix = ?15, revision = revision + 1
WHERE sweep = ?1 AND job = ?2 AND entity = ?3 AND project = ?4 AND revision = ?5)sql";

constexpr absl::string_view kMatching = " (?1 IS NULL OR sweep = ?1) AND (?2 IS NULL OR job = ?2)";

}  // namespace

absl::StatusOr<OutboxWriter> OutboxWriter::Prepare(Connection& connection) {
  OutboxWriter writer;
  const std::array<std::pair<Statement*, std::string>, 7> statements{{
      {&writer.put_texts_, std::string(kPutTexts)},
      {&writer.open_, std::string(kOpen)},
      {&writer.reopen_, std::string(kReopen)},
      {&writer.advance_, std::string(kAdvance)},
      {&writer.retry_, absl::StrCat("UPDATE wandb_runs SET phase = 'NEW', error = '', revision = revision + 1 WHERE "
                                    "phase = 'STUCK' AND",
                                    kMatching)},
      {&writer.verify_,
       absl::StrCat("UPDATE wandb_runs SET phase = 'COMPLETED', revision = revision + 1 WHERE phase = 'DONE' AND",
                    kMatching)},
      // A new id is the old one and a number: s3-14-0123456789abcdef, ...-2, ...-3.
      {&writer.resend_,
       absl::StrCat("UPDATE wandb_runs SET phase = 'NEW', error = '', storage_id = '', sent_entity = '', "
                    "sent_project = '', lines_sent = 0, chunk_end = NULL, chunk_exit = NULL, files_sent = 0, "
                    "resends = resends + ?3, run_id = CASE WHEN ?3 THEN CASE WHEN resends = 0 THEN run_id ELSE "
                    "substr(run_id, 1, length(run_id) - length(resends + 1) - 1) END || '-' || (resends + 2) ELSE "
                    "run_id END, revision = revision + 1 WHERE",
                    kMatching)},
  }};
  for (const auto& [statement, sql] : statements) {
    auto prepared = connection.Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  auto id = connection.Prepare("SELECT id FROM wandb_database");
  if (!id.ok()) return id.status();
  const auto row = id->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError("database: table wandb_database is empty; restore a backup");
  writer.database_id_ = id->Text(0);
  return writer;
}

absl::Status OutboxWriter::OnAttempt(const schedule::JobKey& job, double unix) {
  if (auto reopened = reopen_.Run(job.sweep, job.job); !reopened.ok()) return reopened;
  return target_ ? Do(schedule::OpenWandbRun{job, *target_, unix}) : absl::OkStatus();
}

absl::Status OutboxWriter::Do(const schedule::PutMachineTexts& put) {
  return target_ ? put_texts_.Run(put.agent_id, put.cpu_info, put.gpu_info) : absl::OkStatus();
}

absl::Status OutboxWriter::Do(const schedule::OpenWandbRun& open) {
  const std::string name = schedule::Id(open.job);
  const std::string id = absl::StrCat("s", open.job.sweep, "-", open.job.job, "-", Fingerprint({database_id_, name}));
  return open_.Run(open.job.sweep, open.job.job, open.target.entity, open.target.project, id, open.unix);
}

absl::Status OutboxWriter::Do(const schedule::AdvanceWandbRun& advance) {
  const schedule::WandbRun& run = advance.run;
  return advance_.Run(run.job.sweep, run.job.job, run.target.entity, run.target.project, run.revision,
                      PhaseWord(run.phase), run.storage_id, run.sent.entity, run.sent.project, run.lines_sent,
                      run.chunk_end, run.chunk_exit, run.files_sent, run.error, advance.unix);
}

absl::Status OutboxWriter::Do(const schedule::ReviseWandbRuns& revise) {
  using Action = schedule::ReviseWandbRuns::Action;
  switch (revise.action) {
    case Action::kRetry:
      return retry_.Run(revise.sweep, revise.job);
    case Action::kVerify:
      return verify_.Run(revise.sweep, revise.job);
    case Action::kResend:
    case Action::kResendAsNew:
      return resend_.Run(revise.sweep, revise.job, revise.action == Action::kResendAsNew);
  }
  return absl::InternalError("no such action");
}

}  // namespace rsg::store
