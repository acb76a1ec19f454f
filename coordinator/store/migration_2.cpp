// What a result rests on: its interval, its evidence, its keys, the readings of each window. And control jobs, which
// stand apart from what a sweep measures: v_results and v_best leave them out, v_control has them.
#include "coordinator/store/migrations.hpp"

namespace rsg::store {

const char* const kMigration2 = R"sql(
ALTER TABLE jobs ADD COLUMN role TEXT NOT NULL DEFAULT 'MEASUREMENT' CHECK (role IN ('MEASUREMENT', 'CONTROL'));
CREATE INDEX control_jobs ON jobs (sweep, job) WHERE role = 'CONTROL';

ALTER TABLE results ADD COLUMN ci_low REAL;
ALTER TABLE results ADD COLUMN ci_high REAL;
ALTER TABLE results ADD COLUMN evidence TEXT;
ALTER TABLE results ADD COLUMN drained_share REAL;
ALTER TABLE results ADD COLUMN share_of_peak REAL;
ALTER TABLE results ADD COLUMN method_key TEXT;
ALTER TABLE results ADD COLUMN stack_key TEXT;
ALTER TABLE results ADD COLUMN machine_key TEXT;

ALTER TABLE windows ADD COLUMN drained_share REAL;
ALTER TABLE windows ADD COLUMN readings INTEGER;  -- from here on the telemetry's; all NULL where nothing was read
ALTER TABLE windows ADD COLUMN sm_clock_mhz REAL;
ALTER TABLE windows ADD COLUMN memory_clock_mhz REAL;
ALTER TABLE windows ADD COLUMN temperature_celsius REAL;
ALTER TABLE windows ADD COLUMN power_watts REAL;
ALTER TABLE windows ADD COLUMN energy_joules REAL;
ALTER TABLE windows ADD COLUMN used_memory_mib INTEGER;
ALTER TABLE windows ADD COLUMN pcie_generation INTEGER;
ALTER TABLE windows ADD COLUMN pcie_width INTEGER;
ALTER TABLE windows ADD COLUMN power_cap_share REAL;
ALTER TABLE windows ADD COLUMN thermal_share REAL;
ALTER TABLE windows ADD COLUMN hardware_share REAL;
ALTER TABLE windows ADD COLUMN cpu_mhz REAL;
ALTER TABLE windows ADD COLUMN cpu_load REAL;

DROP VIEW v_best;
DROP VIEW v_results;
)sql"
                                R"sql(
CREATE VIEW v_ended AS
-- One row for each ended job, whatever its outcome and its role. What a result says is NULL unless the outcome is
-- COMPLETED.
SELECT
  's' || j.sweep AS sweep_id,                -- as the CLI shows it, "s3"
  's' || j.sweep || '.' || j.job AS job_id,  -- "s3.14"
  j.device_name,                             -- the product's name
  j.device_id,                               -- GPU: its UUID; CPU: made of machine and agent
  g.name AS agent,                           -- of the newest attempt; NULL when there was none
  j.model,                                   -- timm's name
  j.batch_size,                              -- samples a step
  j.image_size,                              -- pixels, height = width
  j.precision,                               -- fp32, fp32-strict, tf32, fp16, bf16
  j.memory_format,                           -- nchw, nhwc
  j.mode,                                    -- standard, original, tuned
  j.repeat,                                  -- from 1; of a control job 1 at the start, 2 at the end
  j.outcome,                                 -- COMPLETED, OUT_OF_MEMORY, UNSUPPORTED, FAILED, CANCELLED, LOST, SKIPPED
  j.reason,                                  -- of an outcome other than COMPLETED
  r.throughput,                              -- samples per second: all measured samples over all measured seconds
  r.ci_low,                                  -- 95 % confidence interval of the throughput; NULL: too few windows for one
  r.ci_high,
  50.0 * (r.ci_high - r.ci_low) / r.throughput AS half_width_percent,  -- throughput +/- this
  r.window_cv,                               -- coefficient of variation of the windows' throughput
  r.windows,                                 -- measured, warm-up excluded; likewise the next four
  r.steps,
  r.samples,
  r.seconds,                                 -- by the device's events (CPU: the steady clock)
  r.wall_seconds,                            -- by the host's steady clock
  r.warm_up_seconds,                         -- before the measured part
  r.stop_reason,                             -- PRECISION, SECONDS, N_BATCHES, LIMIT, SIGNAL
  r.verdict,                                 -- VALID, POWER_LIMITED, THROTTLED, HOST_BOUND, UNSTABLE; NULL: not judged
  r.evidence,                                -- what the verdict rests on
  r.drained_share,                           -- of looks at the device that found it without work
  r.share_of_peak,                           -- floating point operations beside what matrix products reach; 1 = 100 %
  r.peak_memory_mib,                         -- GPU: the allocator's peak; CPU: the process's peak resident set
  r.trainer_version,
  r.torch_version,
  r.cuda_version,                            -- empty on a CPU stack
  r.cudnn_version,
  r.method_key,                              -- must agree before two results are compared
  r.stack_key,                               -- should agree
  r.machine_key,                             -- expected to differ
  strftime('%Y-%m-%dT%H:%M:%SZ', j.ended_unix, 'unixepoch') AS ended,  -- ISO 8601, UTC
  j.attempts,                                -- that were made
  j.machine_id,                              -- hash of the host's machine id
  j.role,                                    -- MEASUREMENT, CONTROL
  j.sweep,                                   -- the ids as numbers, for joins and order
  j.job
FROM jobs AS j
LEFT JOIN results AS r ON r.sweep = j.sweep AND r.job = j.job
LEFT JOIN attempts AS a ON a.sweep = j.sweep AND a.job = j.job AND a.attempt = j.attempts
LEFT JOIN agents AS g ON g.agent_id = a.agent_id
WHERE j.state = 'ENDED';

CREATE VIEW v_results AS
-- The rows of v_ended that sweeps were submitted for: all but control jobs.
SELECT * FROM v_ended WHERE role = 'MEASUREMENT';

CREATE VIEW v_best AS
-- The best batch size of each device name, model, image size, precision, memory format and mode: the row of v_results
-- with the highest throughput, over all sweeps. Repeats compete as single jobs; the earlier job wins a tie.
SELECT * FROM v_results
WHERE (sweep, job) IN (
  SELECT sweep, job FROM (
    SELECT sweep, job,
      ROW_NUMBER() OVER (
        PARTITION BY device_name, model, image_size, precision, memory_format, mode
        ORDER BY throughput DESC, sweep, job
      ) AS place
    FROM v_results WHERE outcome = 'COMPLETED'
  ) WHERE place = 1
);

CREATE VIEW v_control AS
-- How each device did the same control cell at the start and at the end of a sweep: one row for each sweep and device
-- whose first control job has ended. The end is NULL until it has ended, what was measured NULL unless COMPLETED.
SELECT
  s.sweep_id, s.device_name, s.device_id,
  COALESCE(e.agent, s.agent) AS agent,
  s.model, s.batch_size, s.image_size,
  s.job_id AS start_job_id, s.outcome AS start_outcome, s.reason AS start_reason,
  s.throughput AS start_throughput, s.ci_low AS start_ci_low, s.ci_high AS start_ci_high, s.verdict AS start_verdict,
  s.ended AS start_ended,
  e.job_id AS end_job_id, e.outcome AS end_outcome, e.reason AS end_reason,
  e.throughput AS end_throughput, e.ci_low AS end_ci_low, e.ci_high AS end_ci_high, e.verdict AS end_verdict,
  e.ended AS end_ended,
  100.0 * (e.throughput / s.throughput - 1) AS drift_percent,  -- below 0: the machine became slower
  s.sweep
FROM v_ended AS s
LEFT JOIN v_ended AS e ON e.sweep = s.sweep AND e.device_id = s.device_id AND e.role = 'CONTROL' AND e.repeat = 2
WHERE s.role = 'CONTROL' AND s.repeat = 1;
)sql";

}  // namespace rsg::store
