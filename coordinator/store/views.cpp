#include "coordinator/store/views.hpp"

#include "common/cells.hpp"
#include "coordinator/store/words.hpp"

namespace rsg::store {
const absl::string_view kSelectShownJob = R"sql(
SELECT j.sweep, j.job, j.cell, j.repeat, j.device_id, j.device_name, j.state, j.outcome, j.reason, j.attempts,
  a.agent_id, g.name, a.last_sequence,
  CASE j.state WHEN 'ENDED' THEN r.throughput WHEN 'RUNNING' THEN (
    SELECT SUM(w.samples) / SUM(w.seconds) FROM windows AS w
    WHERE w.sweep = j.sweep AND w.job = j.job AND w.attempt = j.attempts AND w.warm_up = 0) END,
  r.result, j.ended_unix, a.log_tail, j.role, r.ci_low, r.ci_high, r.verdict, j.machine_id
FROM jobs AS j
LEFT JOIN results AS r ON r.sweep = j.sweep AND r.job = j.job
LEFT JOIN attempts AS a ON a.sweep = j.sweep AND a.job = j.job AND a.attempt = j.attempts
LEFT JOIN agents AS g ON g.agent_id = a.agent_id)sql";

absl::StatusOr<ShownJob> ReadShownJob(const Statement& row) {
  ShownJob shown{.key = {row.Int(0), row.Int(1)}, .row = {}};
  auto& job = *shown.row.mutable_job();
  job.set_job_id(schedule::Id(shown.key));
  job.set_sweep_id(schedule::SweepId(shown.key.sweep));
  if (auto parsed = MessageOf(row.Text(2), "jobs.cell", job.mutable_cell()); !parsed.ok()) return parsed;
  job.set_repeat(row.Uint(3));
  job.set_device_id(std::string(row.Text(4)));
  job.set_device_name(std::string(row.Text(5)));
  const auto state = EnumOf<v1::JobState>(row.Text(6), "jobs.state");
  if (!state.ok()) return state.status();
  job.set_state(*state);
  const auto outcome = EnumOf<v1::Outcome>(row.Text(7), "jobs.outcome");
  if (!outcome.ok()) return outcome.status();
  job.set_outcome(*outcome);
  job.set_reason(std::string(row.Text(8)));
  job.set_attempts(row.Uint(9));
  job.set_agent_id(std::string(row.Text(10)));
  job.set_agent_name(std::string(row.Text(11)));
  job.set_windows_stored(row.Uint(12));
  if (const auto throughput = row.OptionalReal(13)) job.set_throughput(*throughput);
  const auto role = EnumOf<v1::Role>(row.Text(17), "jobs.role");
  if (!role.ok()) return role.status();
  job.set_role(*role);
  job.set_machine_id(std::string(row.Text(21)));
  if (*state != v1::JOB_STATE_ENDED) return shown;
  if (const auto ci_low = row.OptionalReal(18)) job.set_ci_low(*ci_low);
  if (const auto ci_high = row.OptionalReal(19)) job.set_ci_high(*ci_high);
  const auto verdict = EnumOf<v1::Verdict>(row.Text(20), "results.verdict");
  if (!verdict.ok()) return verdict.status();
  job.set_verdict(*verdict);

  if (!row.IsNull(14)) {
    auto parsed = MessageOf(row.Text(14), "results.result", shown.row.mutable_result());
    if (!parsed.ok()) return parsed;
  }
  *job.mutable_taints() = shown.row.result().taints();
  shown.row.set_ended_unix_seconds(row.Real(15));
  if (*outcome != v1::OUTCOME_COMPLETED) shown.row.set_log_tail(std::string(row.Text(16)));
  return shown;
}

const absl::string_view kSelectCounts = R"sql(
SELECT COUNT(DISTINCT device_id), COUNT(*),
  COUNT(*) FILTER (WHERE state IN ('QUEUED', 'ASSIGNED')),
  COUNT(*) FILTER (WHERE state = 'RUNNING'),
  COUNT(*) FILTER (WHERE outcome = 'COMPLETED'),
  COUNT(*) FILTER (WHERE outcome = 'OUT_OF_MEMORY'),
  COUNT(*) FILTER (WHERE outcome = 'UNSUPPORTED'),
  COUNT(*) FILTER (WHERE outcome IN ('FAILED', 'LOST')),
  COUNT(*) FILTER (WHERE outcome = 'CANCELLED'),
  COUNT(*) FILTER (WHERE outcome = 'SKIPPED')
FROM jobs WHERE sweep = ?1 AND role = 'MEASUREMENT')sql";

v1::SweepStatus StatusOf(const schedule::SweepRecord& sweep, const Statement& counts) {
  v1::SweepStatus status;
  status.set_sweep_id(schedule::SweepId(sweep.sweep));
  *status.mutable_spec() = sweep.spec;
  status.set_state(sweep.state);
  status.set_submitted_unix_seconds(sweep.submitted_unix);
  if (sweep.ended_unix) status.set_ended_unix_seconds(*sweep.ended_unix);
  status.set_cells(static_cast<std::uint32_t>(CountCells(sweep.spec)));
  status.set_devices(counts.Uint(0));
  auto& jobs = *status.mutable_counts();
  jobs.set_total(counts.Uint(1));
  jobs.set_queued(counts.Uint(2));
  jobs.set_running(counts.Uint(3));
  jobs.set_completed(counts.Uint(4));
  jobs.set_out_of_memory(counts.Uint(5));
  jobs.set_unsupported(counts.Uint(6));
  jobs.set_failed(counts.Uint(7));
  jobs.set_cancelled(counts.Uint(8));
  jobs.set_skipped(counts.Uint(9));
  return status;
}

}  // namespace rsg::store
