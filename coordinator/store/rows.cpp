#include "coordinator/store/rows.hpp"

#include "absl/strings/str_join.h"
#include "coordinator/store/words.hpp"

namespace rsg::store {

using schedule::AgentRecord;
using schedule::AttemptKey;
using schedule::AttemptRecord;
using schedule::JobRecord;
using schedule::SweepRecord;
using schedule::TokenRecord;

namespace {

// A field that is absent is NULL.
template <typename Value>
std::optional<Value> If(bool present, Value value) {
  if (!present) return std::nullopt;
  return value;
}

}  // namespace

absl::Status RunWith(Statement& statement, const SweepRecord& sweep) {
  return statement.Run(sweep.sweep, OrNull(sweep.request_id), sweep.spec.name(), OrNull(Word(sweep.state)),
                       OrNull(Word(sweep.device_kind)), sweep.submitted_unix, sweep.ended_unix, ToJson(sweep.spec));
}

absl::Status RunWith(Statement& statement, const JobRecord& job) {
  const auto& cell = job.cell;
  return statement.Run(job.key.sweep, job.key.job, cell.model(), cell.batch_size(), cell.image_size(),
                       Word(cell.precision()), Word(cell.memory_format()), Word(cell.mode()), job.repeat, job.device_id,
                       job.device_name, job.machine_id, OrNull(Word(job.state)), OrNull(Word(job.outcome)), job.reason,
                       job.attempts, job.losses, job.failures, job.ended_unix, ToJson(cell), OrNull(Word(job.role)),
                       job.gave_slot_away);
}

absl::Status RunWith(Statement& statement, const AttemptRecord& attempt) {
  return statement.Run(attempt.key.job.sweep, attempt.key.job.job, attempt.key.attempt, attempt.lease_token,
                       attempt.agent_id, attempt.instance_id, OrNull(Word(attempt.state)),
                       OrNull(Word(attempt.outcome)), attempt.last_sequence, attempt.assigned_unix,
                       attempt.started_unix, attempt.ended_unix, attempt.runtime_seconds, attempt.error,
                       attempt.log_tail);
}

absl::Status RunWith(Statement& statement, const AgentRecord& agent) {
  return statement.Run(agent.agent_id, agent.name, agent.credential_sha256, OrNull(agent.token_id), agent.instance_id,
                       agent.agent_version, agent.draining, agent.enrolled_unix, agent.last_seen_unix,
                       ToJson(agent.machine), agent.revoked);
}

absl::Status RunWith(Statement& statement, const TokenRecord& token) {
  return statement.Run(token.token_id, token.token_sha256, token.uses_left, token.expires_unix, token.revoked);
}

absl::Status RunWith(Statement& statement, const AttemptKey& key, const v1::Window& window) {
  const v1::Telemetry& t = window.telemetry();
  return statement.Run(key.job.sweep, key.job.job, key.attempt, window.sequence(), window.steps(), window.samples(),
                       window.seconds(), window.wall_seconds(), window.start_seconds(), window.warm_up(),
                       If(window.has_drained_share(), window.drained_share()), If(window.has_telemetry(), t.readings()),
                       If(t.has_sm_clock_mhz(), t.sm_clock_mhz()), If(t.has_memory_clock_mhz(), t.memory_clock_mhz()),
                       If(t.has_temperature_celsius(), t.temperature_celsius()),
                       If(t.has_power_watts(), t.power_watts()), If(t.has_energy_joules(), t.energy_joules()),
                       If(t.has_used_memory_mib(), t.used_memory_mib()),
                       If(t.has_pcie_generation(), t.pcie_generation()), If(t.has_pcie_width(), t.pcie_width()),
                       If(t.has_power_cap_share(), t.power_cap_share()), If(t.has_thermal_share(), t.thermal_share()),
                       If(t.has_hardware_share(), t.hardware_share()), If(t.has_cpu_mhz(), t.cpu_mhz()),
                       If(t.has_cpu_load(), t.cpu_load()), If(t.has_cpu_wait_share(), t.cpu_wait_share()));
}

absl::Status RunWith(Statement& statement, const AttemptKey& key, const v1::Result& result) {
  const auto& stack = result.stack();
  return statement.Run(
      key.job.sweep, key.job.job, key.attempt, result.throughput(), result.windows(), result.steps(), result.samples(),
      result.seconds(), result.wall_seconds(), result.warm_up_seconds(), result.window_cv(),
      OrNull(Word(result.stop_reason())), result.peak_memory_mib(), OrNull(Word(result.verdict())),
      stack.trainer_version(), stack.torch_version(), stack.cuda_version(), stack.cudnn_version(), ToJson(result),
      If(result.has_ci_low(), result.ci_low()), If(result.has_ci_high(), result.ci_high()), OrNull(result.evidence()),
      If(result.has_drained_share(), result.drained_share()),
      If(result.physics().has_share_of_peak(), result.physics().share_of_peak()), OrNull(result.keys().method()),
      OrNull(result.keys().stack()), OrNull(result.keys().machine()), OrNull(absl::StrJoin(result.taints(), "; ")));
}

absl::StatusOr<SweepRecord> ReadSweep(const Statement& row) {
  SweepRecord sweep;
  sweep.sweep = row.Int(0);
  sweep.request_id = row.Text(1);
  const auto state = EnumOf<v1::SweepState>(row.Text(3), "sweeps.state");
  if (!state.ok()) return state.status();
  const auto device_kind = EnumOf<v1::DeviceKind>(row.Text(4), "sweeps.device_kind");
  if (!device_kind.ok()) return device_kind.status();
  sweep.state = *state;
  sweep.device_kind = *device_kind;
  sweep.submitted_unix = row.Real(5);
  sweep.ended_unix = row.OptionalReal(6);
  if (auto parsed = MessageOf(row.Text(7), "sweeps.spec", &sweep.spec); !parsed.ok()) return parsed;
  return sweep;
}

absl::StatusOr<JobRecord> ReadJob(const Statement& row) {
  JobRecord job;
  job.key = {row.Int(0), row.Int(1)};
  job.repeat = row.Uint(8);
  job.device_id = row.Text(9);
  job.device_name = row.Text(10);
  job.machine_id = row.Text(11);
  const auto state = EnumOf<v1::JobState>(row.Text(12), "jobs.state");
  if (!state.ok()) return state.status();
  const auto outcome = EnumOf<v1::Outcome>(row.Text(13), "jobs.outcome");
  if (!outcome.ok()) return outcome.status();
  job.state = *state;
  job.outcome = *outcome;
  job.reason = row.Text(14);
  job.attempts = row.Uint(15);
  job.losses = row.Uint(16);
  job.failures = row.Uint(17);
  job.ended_unix = row.OptionalReal(18);
  if (auto parsed = MessageOf(row.Text(19), "jobs.cell", &job.cell); !parsed.ok()) return parsed;
  const auto role = EnumOf<v1::Role>(row.Text(20), "jobs.role");
  if (!role.ok()) return role.status();
  job.role = *role;
  job.gave_slot_away = row.Int(21) != 0;
  return job;
}

absl::StatusOr<AttemptRecord> ReadAttempt(const Statement& row) {
  AttemptRecord attempt;
  attempt.key = {{row.Int(0), row.Int(1)}, row.Int(2)};
  attempt.lease_token = row.Text(3);
  attempt.agent_id = row.Text(4);
  attempt.instance_id = row.Text(5);
  const auto state = EnumOf<v1::JobState>(row.Text(6), "attempts.state");
  if (!state.ok()) return state.status();
  const auto outcome = EnumOf<v1::Outcome>(row.Text(7), "attempts.outcome");
  if (!outcome.ok()) return outcome.status();
  attempt.state = *state;
  attempt.outcome = *outcome;
  attempt.last_sequence = row.Uint(8);
  attempt.assigned_unix = row.Real(9);
  attempt.started_unix = row.OptionalReal(10);
  attempt.ended_unix = row.OptionalReal(11);
  attempt.runtime_seconds = row.Real(12);
  attempt.error = row.Text(13);
  attempt.log_tail = row.Text(14);
  return attempt;
}

absl::StatusOr<AgentRecord> ReadAgent(const Statement& row) {
  AgentRecord agent;
  agent.agent_id = row.Text(0);
  agent.name = row.Text(1);
  agent.credential_sha256 = row.Text(2);
  agent.token_id = row.Text(3);
  agent.instance_id = row.Text(4);
  agent.agent_version = row.Text(5);
  agent.draining = row.Int(6) != 0;
  agent.enrolled_unix = row.Real(7);
  agent.last_seen_unix = row.Real(8);
  if (auto parsed = MessageOf(row.Text(9), "agents.machine", &agent.machine); !parsed.ok()) return parsed;
  agent.revoked = row.Int(10) != 0;
  return agent;
}

absl::StatusOr<TokenRecord> ReadToken(const Statement& row) {
  TokenRecord token;
  token.token_id = row.Text(0);
  token.token_sha256 = row.Text(1);
  token.uses_left = row.Uint(2);
  token.expires_unix = row.Real(3);
  token.revoked = row.Int(4) != 0;
  return token;
}

absl::StatusOr<v1::Window> ReadWindow(const Statement& row) {
  v1::Window window;
  window.set_sequence(row.Uint(3));
  window.set_steps(row.Uint(4));
  window.set_samples(row.Uint(5));
  window.set_seconds(row.Real(6));
  window.set_wall_seconds(row.Real(7));
  window.set_start_seconds(row.Real(8));
  window.set_warm_up(row.Int(9) != 0);
  if (const auto share = row.OptionalReal(10)) window.set_drained_share(*share);
  if (row.IsNull(11)) return window;
  v1::Telemetry& t = *window.mutable_telemetry();
  t.set_readings(row.Uint(11));
  if (const auto value = row.OptionalReal(12)) t.set_sm_clock_mhz(*value);
  if (const auto value = row.OptionalReal(13)) t.set_memory_clock_mhz(*value);
  if (const auto value = row.OptionalReal(14)) t.set_temperature_celsius(*value);
  if (const auto value = row.OptionalReal(15)) t.set_power_watts(*value);
  if (const auto value = row.OptionalReal(16)) t.set_energy_joules(*value);
  if (!row.IsNull(17)) t.set_used_memory_mib(row.Uint(17));
  if (!row.IsNull(18)) t.set_pcie_generation(row.Uint(18));
  if (!row.IsNull(19)) t.set_pcie_width(row.Uint(19));
  if (const auto value = row.OptionalReal(20)) t.set_power_cap_share(*value);
  if (const auto value = row.OptionalReal(21)) t.set_thermal_share(*value);
  if (const auto value = row.OptionalReal(22)) t.set_hardware_share(*value);
  if (const auto value = row.OptionalReal(23)) t.set_cpu_mhz(*value);
  if (const auto value = row.OptionalReal(24)) t.set_cpu_load(*value);
  if (const auto value = row.OptionalReal(25)) t.set_cpu_wait_share(*value);
  return window;
}

}  // namespace rsg::store
