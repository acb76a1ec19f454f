// The schema's first version, word for word as it was released: databases that it made are out there.
#pragma once

namespace rsg::store {

inline constexpr char kSchema1[] =
    R"sql(
CREATE TABLE tokens (
  token_id TEXT PRIMARY KEY,
  token_sha256 TEXT NOT NULL UNIQUE,
  uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
  expires_unix REAL NOT NULL,
  revoked INTEGER NOT NULL CHECK (revoked IN (0, 1))
) STRICT;

CREATE TABLE agents (
  agent_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  credential_sha256 TEXT NOT NULL UNIQUE,
  token_id TEXT REFERENCES tokens DEFERRABLE INITIALLY DEFERRED,  -- that it enrolled with
  instance_id TEXT NOT NULL,  -- of its newest process
  agent_version TEXT NOT NULL,
  draining INTEGER NOT NULL CHECK (draining IN (0, 1)),
  enrolled_unix REAL NOT NULL,
  last_seen_unix REAL NOT NULL,
  machine TEXT NOT NULL  -- JSON of MachineFacts
) STRICT;

CREATE TABLE sweeps (
  sweep INTEGER PRIMARY KEY CHECK (sweep > 0),  -- sweep 3 is shown as s3
  request_id TEXT UNIQUE,
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'COMPLETED', 'CANCELLED')),
  device_kind TEXT,  -- what it goes to; NULL until a machine decides it
  submitted_unix REAL NOT NULL,
  ended_unix REAL,
  spec TEXT NOT NULL  -- JSON of SweepSpec
) STRICT;

CREATE TABLE jobs (
  sweep INTEGER NOT NULL REFERENCES sweeps,
  job INTEGER NOT NULL CHECK (job > 0),  -- within the sweep; job 14 of sweep 3 is shown as s3.14
  model TEXT NOT NULL,
  batch_size INTEGER NOT NULL,
  image_size INTEGER NOT NULL,
  precision TEXT NOT NULL,
  memory_format TEXT NOT NULL,
  mode TEXT NOT NULL,
  repeat INTEGER NOT NULL,
  device_id TEXT NOT NULL,
  device_name TEXT NOT NULL,
  machine_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('QUEUED', 'ASSIGNED', 'RUNNING', 'ENDED')),
  outcome TEXT,  -- of an ended job
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  ended_unix REAL,
  cell TEXT NOT NULL,  -- JSON of Cell
  PRIMARY KEY (sweep, job),
  CHECK ((state = 'ENDED') = (outcome IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
  sweep INTEGER NOT NULL,
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt > 0),
  lease_token TEXT NOT NULL,
  agent_id TEXT NOT NULL REFERENCES agents,
  instance_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ASSIGNED', 'RUNNING', 'ENDED')),
  outcome TEXT,  -- of an ended attempt
  last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0),  -- windows 1..last_sequence are stored
  assigned_unix REAL NOT NULL,
  started_unix REAL,
  ended_unix REAL,
  runtime_seconds REAL NOT NULL,
  error TEXT NOT NULL,
  log_tail TEXT NOT NULL,
  PRIMARY KEY (sweep, job, attempt),
  FOREIGN KEY (sweep, job) REFERENCES jobs,
  CHECK ((state = 'ENDED') = (outcome IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_in_hand ON attempts (sweep, job, attempt) WHERE state <> 'ENDED';

CREATE TABLE windows (
  sweep INTEGER NOT NULL,
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  steps INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  seconds REAL NOT NULL,
  wall_seconds REAL NOT NULL,
  start_seconds REAL NOT NULL,
  warm_up INTEGER NOT NULL CHECK (warm_up IN (0, 1)),
  PRIMARY KEY (sweep, job, attempt, sequence),
  FOREIGN KEY (sweep, job, attempt) REFERENCES attempts
) STRICT, WITHOUT ROWID;

CREATE TABLE results (
  sweep INTEGER NOT NULL,
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  throughput REAL NOT NULL CHECK (throughput > 0 AND throughput < 1e300),
  windows INTEGER NOT NULL,
  steps INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  seconds REAL NOT NULL,
  wall_seconds REAL NOT NULL,
  warm_up_seconds REAL NOT NULL,
  window_cv REAL NOT NULL,
  stop_reason TEXT,
  peak_memory_mib INTEGER NOT NULL,
  verdict TEXT,
  trainer_version TEXT NOT NULL,
  torch_version TEXT NOT NULL,
  cuda_version TEXT NOT NULL,
  cudnn_version TEXT NOT NULL,
  result TEXT NOT NULL,  -- JSON of Result
  PRIMARY KEY (sweep, job),
  FOREIGN KEY (sweep, job, attempt) REFERENCES attempts
) STRICT, WITHOUT ROWID;
)sql"
                           R"sql(
CREATE VIEW v_results AS
-- One row for each ended job, whatever its outcome. What a result says is NULL unless the outcome is COMPLETED.
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
  j.mode,                                    -- standard
  j.repeat,                                  -- from 1
  j.outcome,                                 -- COMPLETED, OUT_OF_MEMORY, UNSUPPORTED, FAILED, CANCELLED, LOST, SKIPPED
  j.reason,                                  -- of an outcome other than COMPLETED
  r.throughput,                              -- samples per second: all measured samples over all measured seconds
  r.window_cv,                               -- coefficient of variation of the windows' throughput
  r.windows,                                 -- measured, warm-up excluded; likewise the next four
  r.steps,
  r.samples,
  r.seconds,                                 -- by the device's events (CPU: the steady clock)
  r.wall_seconds,                            -- by the host's steady clock
  r.warm_up_seconds,                         -- before the measured part
  r.stop_reason,                             -- SECONDS, N_BATCHES, LIMIT, SIGNAL
  r.verdict,                                 -- NULL unless the trainer judged its measurement
  r.peak_memory_mib,                         -- GPU: the allocator's peak; CPU: the process's peak resident set
  r.trainer_version,
  r.torch_version,
  r.cuda_version,                            -- empty on a CPU stack
  r.cudnn_version,
  strftime('%Y-%m-%dT%H:%M:%SZ', j.ended_unix, 'unixepoch') AS ended,  -- ISO 8601, UTC
  j.attempts,                                -- that were made
  j.machine_id,                              -- hash of the host's machine id
  j.sweep,                                   -- the ids as numbers, for joins and order
  j.job
FROM jobs AS j
LEFT JOIN results AS r ON r.sweep = j.sweep AND r.job = j.job
LEFT JOIN attempts AS a ON a.sweep = j.sweep AND a.job = j.job AND a.attempt = j.attempts
LEFT JOIN agents AS g ON g.agent_id = a.agent_id
WHERE j.state = 'ENDED';

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
)sql";

}  // namespace rsg::store
