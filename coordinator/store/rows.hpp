// How records lie in rows: the columns of each table in one order, for writing (RunWith) and for reading (Read...).
#pragma once
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/schedule/records.hpp"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

inline constexpr absl::string_view kSweepColumns =
    "sweep, request_id, name, state, device_kind, submitted_unix, ended_unix, spec";
inline constexpr absl::string_view kJobColumns =
    "sweep, job, model, batch_size, image_size, precision, memory_format, mode, repeat, device_id, device_name, "
    "machine_id, state, outcome, reason, attempts, losses, failures, ended_unix, cell, "
    "role, gave_slot_away";
inline constexpr absl::string_view kAttemptColumns =
    "sweep, job, attempt, lease_token, agent_id, instance_id, state, outcome, last_sequence, assigned_unix, "
    "started_unix, ended_unix, runtime_seconds, error, log_tail";
inline constexpr absl::string_view kAgentColumns =
    "agent_id, name, credential_sha256, token_id, instance_id, agent_version, draining, enrolled_unix, last_seen_unix, "
    "machine, revoked";
inline constexpr absl::string_view kTokenColumns = "token_id, token_sha256, uses_left, expires_unix, revoked";
inline constexpr absl::string_view kWindowColumns =
    "sweep, job, attempt, sequence, steps, samples, seconds, wall_seconds, start_seconds, warm_up, drained_share, "
    "readings, sm_clock_mhz, memory_clock_mhz, temperature_celsius, power_watts, energy_joules, used_memory_mib, "
    "pcie_generation, pcie_width, power_cap_share, thermal_share, hardware_share, cpu_mhz, cpu_load, "
    "cpu_wait_share";
inline constexpr absl::string_view kResultColumns =
    "sweep, job, attempt, throughput, windows, steps, samples, seconds, wall_seconds, warm_up_seconds, window_cv, "
    "stop_reason, peak_memory_mib, verdict, trainer_version, torch_version, cuda_version, cudnn_version, result, "
    "ci_low, ci_high, evidence, drained_share, share_of_peak, method_key, stack_key, machine_key, taints";

// Each runs a statement whose parameters are the table's columns in the order above.
absl::Status RunWith(Statement& statement, const schedule::SweepRecord& sweep);
absl::Status RunWith(Statement& statement, const schedule::JobRecord& job);
absl::Status RunWith(Statement& statement, const schedule::AttemptRecord& attempt);
absl::Status RunWith(Statement& statement, const schedule::AgentRecord& agent);
absl::Status RunWith(Statement& statement, const schedule::TokenRecord& token);
absl::Status RunWith(Statement& statement, const schedule::AttemptKey& key, const v1::Window& window);
absl::Status RunWith(Statement& statement, const schedule::AttemptKey& key, const v1::Result& result);

// Each reads the current row of a SELECT of the table's columns in the order above. DATA_LOSS when a word or a JSON
// text means nothing.
absl::StatusOr<schedule::SweepRecord> ReadSweep(const Statement& row);
absl::StatusOr<schedule::JobRecord> ReadJob(const Statement& row);
absl::StatusOr<schedule::AttemptRecord> ReadAttempt(const Statement& row);
absl::StatusOr<schedule::AgentRecord> ReadAgent(const Statement& row);
absl::StatusOr<schedule::TokenRecord> ReadToken(const Statement& row);
absl::StatusOr<v1::Window> ReadWindow(const Statement& row);

}  // namespace rsg::store
