// The outbox of W&B. What its runs consist of stands in the tables that were there before: each window and each end of
// an attempt is a line of the run's history, numbered in the order in which they were stored, so that a line never
// changes its number or its content. Here stands only which jobs have a run and how much of it has arrived.
#include "coordinator/store/migrations.hpp"

namespace rsg::store {

const char* const kMigration4 = R"sql(
CREATE TABLE wandb_database (id TEXT NOT NULL) STRICT;  -- makes this database's run ids differ from any other's
INSERT INTO wandb_database VALUES (lower(hex(randomblob(16))));

CREATE TABLE machine_texts (  -- files of runs; kept while results are forwarded
  agent_id TEXT PRIMARY KEY REFERENCES agents,
  cpu_info TEXT NOT NULL,  -- start of /proc/cpuinfo
  gpu_info TEXT NOT NULL   -- start of what nvidia-smi -q prints; empty without a GPU
) STRICT;

CREATE TABLE wandb_runs (
  sweep INTEGER NOT NULL,
  job INTEGER NOT NULL,
  entity TEXT NOT NULL,   -- where it is to go; empty: where the coordinator's settings say when it is first sent
  project TEXT NOT NULL,  -- likewise
  run_id TEXT NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN ('NEW', 'STREAMING', 'COMPLETED', 'DONE', 'STUCK')),
  machine TEXT NOT NULL,  -- JSON of MachineFacts when the run was opened, without the models
  agent TEXT NOT NULL,    -- its name then
  opened_unix REAL NOT NULL,
  storage_id TEXT NOT NULL DEFAULT '',    -- W&B's own id; empty: W&B has not heard of it
  sent_entity TEXT NOT NULL DEFAULT '',   -- where W&B has put it
  sent_project TEXT NOT NULL DEFAULT '',
  lines_sent INTEGER NOT NULL DEFAULT 0 CHECK (lines_sent >= 0),  -- that W&B has confirmed
  chunk_end INTEGER,   -- a chunk on its way holds the lines lines_sent .. chunk_end - 1
  chunk_exit INTEGER,  -- the chunk on its way ends the run with this exit code
  files_sent INTEGER NOT NULL DEFAULT 0 CHECK (files_sent IN (0, 1)),
  resends INTEGER NOT NULL DEFAULT 0,  -- under a new id each
  error TEXT NOT NULL DEFAULT '',  -- why it is stuck
  advanced_unix REAL,
  revision INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (sweep, job, entity, project),
  FOREIGN KEY (sweep, job) REFERENCES jobs
) STRICT, WITHOUT ROWID;
CREATE INDEX wandb_unfinished ON wandb_runs (sweep, job) WHERE phase IN ('NEW', 'STREAMING', 'COMPLETED');
)sql";

}  // namespace rsg::store
