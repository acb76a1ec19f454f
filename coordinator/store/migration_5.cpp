// What speaks against results; agents that the operator has revoked.
#include "coordinator/store/migrations.hpp"

namespace rsg::store {

const char* const kMigration5 = R"sql(
ALTER TABLE agents ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1));

ALTER TABLE results ADD COLUMN taints TEXT;  -- joined by "; "; NULL: nothing speaks against it

DROP VIEW v_best;
DROP VIEW v_ended;

CREATE VIEW v_ended AS
-- One row for each ended job, whatever its outcome and its role. What a result says is NULL unless the outcome is
-- COMPLETED.
SELECT
  's' || j.sweep AS sweep_id,                -- as the CLI shows it, "s3"
  's' || j.sweep || '.' || j.job AS job_id,  -- "s3.14"
  j.device_name,                             -- the product's name
  j.device_id,                               -- GPU: its UUID; CPU: made of machine and agent
  g.name AS agent,                           -- of the newest attempt; NULL when there was none
  j.model,                                   -- timm's name; of a TorchScript module script:NAME
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
  r.taints,                                  -- what the coordinator found against the result; NULL: nothing
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
  j.script_sha256,                           -- of the TorchScript module; empty: `model` ships with the trainer
  j.role,                                    -- MEASUREMENT, CONTROL
  j.sweep,                                   -- the ids as numbers, for joins and order
  j.job
FROM jobs AS j
LEFT JOIN results AS r ON r.sweep = j.sweep AND r.job = j.job
LEFT JOIN attempts AS a ON a.sweep = j.sweep AND a.job = j.job AND a.attempt = j.attempts
LEFT JOIN agents AS g ON g.agent_id = a.agent_id
WHERE j.state = 'ENDED';

CREATE VIEW v_best AS
-- The best batch size of each device name, model (of a TorchScript module its file), image size, precision, memory
-- format and mode: the row of v_results
-- with the highest throughput, over all sweeps; a tainted one only where there is no other. Repeats compete as single
-- jobs; the earlier job wins a tie.
SELECT * FROM v_results
WHERE (sweep, job) IN (
  SELECT sweep, job FROM (
    SELECT sweep, job,
      ROW_NUMBER() OVER (
        PARTITION BY device_name, model, script_sha256, image_size, precision, memory_format, mode
        ORDER BY taints IS NOT NULL, throughput DESC, sweep, job
      ) AS place
    FROM v_results WHERE outcome = 'COMPLETED'
  ) WHERE place = 1
);
)sql";

}  // namespace rsg::store
