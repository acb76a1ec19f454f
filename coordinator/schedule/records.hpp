// What the coordinator remembers, and the changes to it: the contract between schedule/, which decides, and store/,
// which keeps. Plain values; no SQLite, no gRPC, no clock.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rsg/v1/control.pb.h"
#include "rsg/v1/fleet.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg::schedule {

/// A job's key: sweep and number within the sweep, both from 1. Shown as "s3.14".
struct JobKey {
  std::int64_t sweep = 0;
  std::int64_t job = 0;
  auto operator<=>(const JobKey&) const = default;
};

/// An attempt's key: the job and the how-many-eth try, from 1; never reused. Shown as "s3.14.2".
struct AttemptKey {
  JobKey job;
  std::int64_t attempt = 0;
  auto operator<=>(const AttemptKey&) const = default;
};

std::string SweepId(std::int64_t sweep);      ///< "s3"
std::string Id(const JobKey& key);            ///< "s3.14"
std::string Id(const AttemptKey& key);        ///< "s3.14.2"
std::optional<std::int64_t> ParseSweepId(std::string_view id);
std::optional<JobKey> ParseJobId(std::string_view id);
std::optional<AttemptKey> ParseAttemptId(std::string_view id);

struct SweepRecord {
  std::int64_t sweep = 0;
  std::string request_id;             ///< unique; makes SubmitSweep idempotent
  v1::SweepSpec spec;                 ///< with defaults filled in
  v1::SweepState state = v1::SWEEP_STATE_UNSPECIFIED;
  v1::DeviceKind device_kind = v1::DEVICE_KIND_UNSPECIFIED;  ///< what it goes to; unspecified until a machine decides it
  double submitted_unix = 0;
  std::optional<double> ended_unix;
};

struct JobRecord {
  JobKey key;
  v1::Cell cell;
  std::uint32_t repeat = 1;           ///< from 1; of a control job kControlStart or kControlEnd
  std::string device_id;
  std::string device_name;
  std::string machine_id;
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;  ///< when ended
  std::string reason;                 ///< of an outcome other than COMPLETED
  std::uint32_t attempts = 0;         ///< made so far; number of the newest
  std::uint32_t losses = 0;           ///< of them ended LOST since the last retry by hand
  std::uint32_t failures = 0;         ///< of them ended FAILED since the last retry by hand
  std::optional<double> ended_unix;
  v1::Role role = v1::ROLE_MEASUREMENT;
  bool gave_slot_away = false;        ///< its device, to another machine, before this was written
};

struct AttemptRecord {
  AttemptKey key;
  std::string lease_token;            ///< 32 hex digits, random
  std::string agent_id;
  std::string instance_id;            ///< the agent process it was given to
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;  ///< ASSIGNED, RUNNING, ENDED
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;   ///< when ended
  std::uint32_t last_sequence = 0;    ///< windows 1..last_sequence are stored
  double assigned_unix = 0;
  std::optional<double> started_unix;
  std::optional<double> ended_unix;
  double runtime_seconds = 0;         ///< of the child, as the agent says
  std::string error;
  std::string log_tail;
};

struct AgentRecord {
  std::string agent_id;
  std::string name;
  std::string credential_sha256;      ///< 64 hex digits, unique
  std::string token_id;               ///< that it enrolled with
  std::string instance_id;            ///< of its newest process
  std::string agent_version;
  v1::MachineFacts machine;
  bool draining = false;
  bool revoked = false;               ///< by the operator: refused for good
  double enrolled_unix = 0;
  double last_seen_unix = 0;
};

struct TokenRecord {
  std::string token_id;               ///< short, no secret
  std::string token_sha256;           ///< 64 hex digits, unique
  std::uint32_t uses_left = 0;
  double expires_unix = 0;
  bool revoked = false;
};

// Changes, applied in order inside one transaction. "Put" inserts or replaces by key. What changes an attempt compares
// its lease token inside the UPDATE and insists that the attempt has not ended; a mismatch is a bug of the decider and
// fails the whole transaction.
struct PutSweep { SweepRecord sweep; };
struct PutJob { JobRecord job; };
struct PutAgent { AgentRecord agent; };
struct PutToken { TokenRecord token; };
struct InsertAttempt { AttemptRecord attempt; };
struct StartAttempt { AttemptKey key; std::string lease_token; double started_unix = 0; };
/// Windows continue at last_sequence + 1 without a gap.
struct AppendWindows { AttemptKey key; std::string lease_token; std::vector<v1::Window> windows; };
/// Ends an attempt. `result` is present when the outcome is COMPLETED and the attempt is the one that the job accepts; it
/// is stored with what speaks against it (plausibility.hpp), whatever taints it brings along.
struct EndAttempt {
  AttemptKey key;
  std::string lease_token;
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  std::optional<v1::Result> result;
  std::string error;
  std::string log_tail;
  double runtime_seconds = 0;
  double ended_unix = 0;
  double elapsed_seconds = 0;         ///< since it was handed out, by the coordinator's clock
};

/// What people may want to know of a machine, as its agent's process has sent it; not kept in memory.
struct PutMachineTexts { std::string agent_id; std::string cpu_info; std::string gpu_info; };

/// Where the runs of W&B go; what is empty is left to the coordinator's settings and, for the entity, to W&B.
struct WandbTarget {
  std::string entity;
  std::string project;
  auto operator<=>(const WandbTarget&) const = default;
};

/// How far a job's run in W&B has come.
enum class WandbPhase {
  kNew,        ///< to be made known to W&B, or made known again
  kStreaming,  ///< its lines go there
  kCompleted,  ///< W&B was told that it has ended; to be read back
  kDone,       ///< read back and whole
  kStuck,      ///< W&B refuses it; see `error`
};

/// What is kept of a job's run in W&B. Lines of its history are numbered from 0; see store/outbox.hpp.
struct WandbRun {
  JobKey job;
  WandbTarget target;
  std::string run_id;                 ///< unique among all coordinators
  WandbPhase phase = WandbPhase::kNew;
  std::string storage_id;             ///< W&B's own id; empty: W&B has not heard of it
  WandbTarget sent;                   ///< where W&B has put it
  std::uint32_t lines_sent = 0;       ///< that W&B has confirmed
  /// A chunk that may be on its way holds the lines lines_sent .. chunk_end - 1. It is sent again as it is until W&B
  /// has confirmed it.
  std::optional<std::uint32_t> chunk_end;
  std::optional<int> chunk_exit;      ///< that chunk ends the run with this exit code
  bool files_sent = false;
  std::string error;                  ///< why it is stuck
  std::int64_t revision = 0;          ///< counts its changes
};

/// Stores how far a run has come. Does nothing when its revision is another one: somebody else has changed it meanwhile.
struct AdvanceWandbRun { WandbRun run; double unix = 0; };
/// Opens the run of a job that was attempted and measures something, unless it has one with that target.
struct OpenWandbRun { JobKey job; WandbTarget target; double unix = 0; };
/// What the operator does to runs, all of them or those of a sweep or a job.
struct ReviseWandbRuns {
  enum class Action {
    kRetry,       ///< stuck runs go on
    kVerify,      ///< runs that are done are read back again
    kResend,      ///< they are sent again from the start, under the same id
    kResendAsNew  ///< likewise under a new id
  } action = Action::kRetry;
  std::optional<std::int64_t> sweep;
  std::optional<std::int64_t> job;    ///< only with a sweep
};

using Change = std::variant<PutSweep, PutJob, PutAgent, PutToken, InsertAttempt, StartAttempt, AppendWindows, EndAttempt,
                            PutMachineTexts, AdvanceWandbRun, OpenWandbRun, ReviseWandbRuns>;

/// What a restart begins with: all agents and tokens, the sweeps that have not ended with all of their jobs and what
/// their control jobs have measured, and the attempts that have not ended.
struct Snapshot {
  std::int64_t last_sweep = 0;        ///< highest sweep number ever given
  std::vector<SweepRecord> sweeps;
  std::vector<JobRecord> jobs;
  std::vector<v1::Job> controls;      ///< COMPLETED ones, as they are shown
  std::vector<AttemptRecord> attempts;
  std::vector<AgentRecord> agents;
  std::vector<TokenRecord> tokens;
};

}  // namespace rsg::schedule
