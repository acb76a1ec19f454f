#include "coordinator/cli/rows.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <map>

#include "common/words.hpp"
#include "coordinator/schedule/control.hpp"

namespace rsg::cli {
namespace {

constexpr char kHalfWidth[] = "\u00b1%";

std::optional<Ink> OutcomeInk(const Value& value) {
  const auto* word = std::get_if<std::string>(&value);
  if (word == nullptr) return std::nullopt;
  if (*word == "COMPLETED" || *word == "RUNNING" || *word == "BUSY") return Ink::kGood;
  if (*word == "FAILED" || *word == "LOST") return Ink::kBad;
  if (*word == "OUT_OF_MEMORY" || *word == "UNSUPPORTED" || *word == "CANCELLED" || *word == "DRAINING")
    return Ink::kWarn;
  if (*word == "SKIPPED" || *word == "DETACHED" || *word == "QUEUED") return Ink::kDim;
  return std::nullopt;
}

std::optional<Ink> VerdictInk(const Value& value) {
  const auto* word = std::get_if<std::string>(&value);
  if (word == nullptr || word->empty()) return std::nullopt;
  return *word == "VALID" ? Ink::kGood : Ink::kWarn;
}

Value Integer(std::uint64_t number) { return static_cast<std::int64_t>(number); }
Value Text(std::string text) { return text; }
// Absent rather than empty, as SQL has it.
Value TextOrNull(std::string text) { return text.empty() ? Value() : Value(std::move(text)); }

template <typename Number>
Value If(bool present, Number number) {
  return present ? Value(number) : Value();
}

// Of a message with a confidence interval, as a percentage of the throughput.
template <typename Message>
Value HalfWidthPercent(double throughput, const Message& of) {
  if (!of.has_ci_low() || !of.has_ci_high() || !(throughput > 0)) return {};
  return 50 * (of.ci_high() - of.ci_low()) / throughput;
}

// For the people who read a list of control cells.
Value WhichControl(const v1::Job& job) {
  if (job.role() != v1::ROLE_CONTROL) return {};
  return job.repeat() == schedule::kControlStart ? "start" : "end";
}

// "s3.14" -> 3 and 14; nothing when it has another form.
std::pair<Value, Value> Numbers(const std::string& job_id) {
  std::int64_t sweep = 0;
  std::int64_t job = 0;
  char end = 0;
  if (std::sscanf(job_id.c_str(), "s%ld.%ld%c", &sweep, &job, &end) != 2) return {};
  return {sweep, job};
}

template <typename List>
std::string Joined(const List& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

}  // namespace

std::string Iso8601(double unix_seconds) {
  if (!std::isfinite(unix_seconds) || unix_seconds <= 0 || unix_seconds > 253402300799.0) return "";
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc);
}

std::string CellText(const v1::Cell& cell) {
  return fmt::format("{} bs {}, {} px, {}, {}", cell.model(), cell.batch_size(), cell.image_size(),
                     Word(cell.precision()), Word(cell.memory_format()));
}

std::string DevicesText(const v1::MachineFacts& machine) {
  std::map<std::string, int> gpus;
  for (const v1::Device& device : machine.devices())
    if (device.kind() == v1::DEVICE_KIND_GPU) ++gpus[device.name()];
  if (gpus.empty()) return machine.cpu_model();
  std::vector<std::string> names;
  for (const auto& [name, count] : gpus) names.push_back(count == 1 ? name : fmt::format("{}x {}", count, name));
  return Joined(names);
}

std::vector<Column> ResultColumns() {
  return {{.name = "sweep_id", .heading = "sweep", .drop = 4},
          {.name = "job_id", .heading = "job", .drop = 8},
          {.name = "device_name", .heading = "device"},
          {.name = "device_id", .detail = true},
          {.name = "agent", .sparse = true, .drop = 3},
          {.name = "model"},
          {.name = "batch_size", .heading = "bs", .numeric = true},
          {.name = "image_size", .heading = "size", .numeric = true, .drop = 6},
          {.name = "precision"},
          {.name = "memory_format", .heading = "format", .drop = 5},
          {.name = "mode", .detail = true},
          {.name = "repeat", .numeric = true, .drop = 7},
          {.name = "control", .people = true, .sparse = true},
          {.name = "outcome", .drop = 1, .ink = OutcomeInk},
          {.name = "reason", .sparse = true, .drop = 2},
          {.name = "throughput", .heading = "samples/s", .numeric = true, .digits = 2},
          {.name = "ci_low", .detail = true},
          {.name = "ci_high", .detail = true},
          {.name = "half_width_percent", .heading = kHalfWidth, .numeric = true, .digits = 2, .sparse = true},
          {.name = "window_cv", .heading = "cv", .numeric = true, .digits = 3, .drop = 12},
          {.name = "windows", .detail = true},
          {.name = "steps", .detail = true},
          {.name = "samples", .detail = true},
          {.name = "seconds", .detail = true},
          {.name = "wall_seconds", .detail = true},
          {.name = "warm_up_seconds", .detail = true},
          {.name = "stop_reason", .detail = true},
          {.name = "verdict", .sparse = true, .drop = 2, .ink = VerdictInk},
          {.name = "evidence", .detail = true},
          {.name = "drained_share", .detail = true},
          {.name = "share_of_peak", .detail = true},
          {.name = "peak_memory_mib", .heading = "MiB", .numeric = true, .drop = 11},
          {.name = "trainer_version", .detail = true},
          {.name = "torch_version", .detail = true},
          {.name = "cuda_version", .detail = true},
          {.name = "cudnn_version", .detail = true},
          {.name = "method_key", .detail = true},
          {.name = "stack_key", .detail = true},
          {.name = "machine_key", .detail = true},
          {.name = "ended", .detail = true},
          {.name = "attempts", .detail = true},
          {.name = "role", .detail = true},
          {.name = "sweep", .detail = true},
          {.name = "job", .detail = true}};
}

Row ToRow(const v1::ResultRow& row) {
  const v1::Job& job = row.job();
  const v1::Cell& cell = job.cell();
  const v1::Result& result = row.result();
  const auto if_measured = [&row](Value value) { return row.has_result() ? value : Value(); };
  const auto [sweep, number] = Numbers(job.job_id());
  return {job.sweep_id(),
          job.job_id(),
          job.device_name(),
          job.device_id(),
          TextOrNull(job.agent_name()),
          cell.model(),
          Integer(cell.batch_size()),
          Integer(cell.image_size()),
          Word(cell.precision()),
          Word(cell.memory_format()),
          Word(cell.mode()),
          Integer(job.repeat()),
          WhichControl(job),
          Word(job.outcome()),
          job.reason(),
          if_measured(result.throughput()),
          If(result.has_ci_low(), result.ci_low()),
          If(result.has_ci_high(), result.ci_high()),
          HalfWidthPercent(result.throughput(), result),
          if_measured(result.window_cv()),
          if_measured(Integer(result.windows())),
          if_measured(Integer(result.steps())),
          if_measured(Integer(result.samples())),
          if_measured(result.seconds()),
          if_measured(result.wall_seconds()),
          if_measured(result.warm_up_seconds()),
          if_measured(TextOrNull(Word(result.stop_reason()))),
          if_measured(TextOrNull(Word(result.verdict()))),
          TextOrNull(result.evidence()),
          If(result.has_drained_share(), result.drained_share()),
          If(result.physics().has_share_of_peak(), result.physics().share_of_peak()),
          if_measured(Integer(result.peak_memory_mib())),
          if_measured(Text(result.stack().trainer_version())),
          if_measured(Text(result.stack().torch_version())),
          if_measured(Text(result.stack().cuda_version())),
          if_measured(Text(result.stack().cudnn_version())),
          TextOrNull(result.keys().method()),
          TextOrNull(result.keys().stack()),
          TextOrNull(result.keys().machine()),
          TextOrNull(Iso8601(row.ended_unix_seconds())),
          Integer(job.attempts()),
          TextOrNull(Word(job.role())),
          sweep,
          number};
}

std::vector<Column> JobColumns() {
  return {{.name = "job_id", .heading = "job"},
          {.name = "device_name", .heading = "device", .drop = 3},
          {.name = "device_id", .detail = true},
          {.name = "agent", .sparse = true, .drop = 4},
          {.name = "model"},
          {.name = "batch_size", .heading = "bs", .numeric = true},
          {.name = "image_size", .heading = "size", .numeric = true, .drop = 6},
          {.name = "precision"},
          {.name = "memory_format", .heading = "format", .drop = 5},
          {.name = "mode", .detail = true},
          {.name = "repeat", .numeric = true, .drop = 7},
          {.name = "state", .detail = true},
          {.name = "outcome", .detail = true},
          {.name = "status", .people = true, .ink = OutcomeInk},
          {.name = "throughput", .heading = "samples/s", .numeric = true, .digits = 2},
          {.name = "ci_low", .detail = true},
          {.name = "ci_high", .detail = true},
          {.name = "half_width_percent", .heading = kHalfWidth, .numeric = true, .digits = 2, .sparse = true},
          {.name = "verdict", .sparse = true, .drop = 2, .ink = VerdictInk},
          {.name = "windows", .numeric = true, .drop = 9},
          {.name = "attempts", .numeric = true, .drop = 8},
          {.name = "reason", .sparse = true, .drop = 2},
          {.name = "control_drift_percent", .detail = true}};
}

Row ToRow(const v1::Job& job, std::optional<double> drift_share) {
  const v1::Cell& cell = job.cell();
  // For people one column tells how a job stands: once it has ended, its outcome.
  const bool ended = job.state() == v1::JOB_STATE_ENDED && job.outcome() != v1::OUTCOME_UNSPECIFIED;
  return {job.job_id(),
          job.device_name(),
          job.device_id(),
          TextOrNull(job.agent_name()),
          cell.model(),
          Integer(cell.batch_size()),
          Integer(cell.image_size()),
          Word(cell.precision()),
          Word(cell.memory_format()),
          Word(cell.mode()),
          Integer(job.repeat()),
          Word(job.state()),
          TextOrNull(Word(job.outcome())),
          ended ? Word(job.outcome()) : Word(job.state()),
          If(job.has_throughput(), job.throughput()),
          If(job.has_ci_low(), job.ci_low()),
          If(job.has_ci_high(), job.ci_high()),
          HalfWidthPercent(job.throughput(), job),
          TextOrNull(Word(job.verdict())),
          Integer(job.windows()),
          Integer(job.attempts()),
          job.reason(),
          If(drift_share.has_value(), 100 * drift_share.value_or(0))};
}

std::vector<Column> SweepColumns() {
  std::vector<Column> columns{{.name = "sweep_id", .heading = "sweep"},
                              {.name = "name", .sparse = true, .drop = 2},
                              {.name = "state", .ink = OutcomeInk},
                              {.name = "models", .drop = 3},
                              {.name = "submitted", .drop = 5},
                              {.name = "ended", .detail = true},
                              {.name = "cells", .numeric = true, .drop = 7},
                              {.name = "devices", .numeric = true, .drop = 6},
                              {.name = "total", .heading = "jobs", .numeric = true}};
  for (const char* count : {"queued", "running", "completed"})
    columns.push_back({.name = count, .numeric = true, .drop = count[0] == 'c' ? 0 : 4});
  for (const char* count : {"out_of_memory", "unsupported", "failed", "cancelled", "skipped"}) {
    const std::string name = count;
    columns.push_back({.name = name, .heading = name == "out_of_memory" ? "oom" : "", .numeric = true, .drop = 8});
  }
  columns.push_back(
      {.name = "eta_seconds", .heading = "eta s", .numeric = true, .digits = 0, .sparse = true, .drop = 9});
  return columns;
}

Row ToRow(const v1::SweepStatus& sweep) {
  const v1::JobCounts& counts = sweep.counts();
  Row row{sweep.sweep_id(),
          TextOrNull(sweep.spec().name()),
          Word(sweep.state()),
          Joined(sweep.spec().models()),
          TextOrNull(Iso8601(sweep.submitted_unix_seconds())),
          TextOrNull(Iso8601(sweep.ended_unix_seconds())),
          Integer(sweep.cells()),
          Integer(sweep.devices()),
          Integer(counts.total())};
  for (const std::uint32_t count : {counts.queued(), counts.running(), counts.completed(), counts.out_of_memory(),
                                    counts.unsupported(), counts.failed(), counts.cancelled(), counts.skipped()})
    row.push_back(Integer(count));
  row.push_back(sweep.has_eta_seconds() ? Value(sweep.eta_seconds()) : Value());
  return row;
}

std::vector<Column> AgentColumns() {
  return {{.name = "agent_id", .heading = "agent", .drop = 3},
          {.name = "name"},
          {.name = "state", .ink = OutcomeInk},
          {.name = "devices"},
          {.name = "cpu_model", .detail = true},
          {.name = "logical_cpus", .heading = "cpus", .numeric = true, .drop = 5},
          {.name = "memory_mib", .heading = "MiB", .numeric = true, .drop = 6},
          {.name = "hostname", .drop = 7},
          {.name = "operating_system", .detail = true},
          {.name = "machine_id", .detail = true},
          {.name = "driver_version", .heading = "driver", .sparse = true, .drop = 8},
          {.name = "torch_version", .heading = "torch", .drop = 9},
          {.name = "agent_version", .heading = "version", .drop = 10},
          {.name = "attempt_id", .heading = "attempt", .sparse = true, .drop = 4},
          {.name = "last_seen", .drop = 2},
          {.name = "models", .detail = true}};
}

Row ToRow(const v1::Agent& agent) {
  const v1::MachineFacts& machine = agent.machine();
  return {agent.agent_id(),
          agent.name(),
          Word(agent.state()),
          DevicesText(machine),
          machine.cpu_model(),
          Integer(machine.logical_cpus()),
          Integer(machine.memory_mib()),
          machine.hostname(),
          machine.operating_system(),
          machine.machine_id(),
          TextOrNull(machine.driver_version()),
          TextOrNull(machine.stack().torch_version()),
          agent.agent_version(),
          TextOrNull(agent.attempt_id()),
          TextOrNull(Iso8601(agent.last_seen_unix_seconds())),
          Joined(machine.models())};
}

std::vector<Column> TokenColumns() {
  return {{.name = "token_id", .heading = "token"},
          {.name = "uses_left", .numeric = true},
          {.name = "expires"},
          {.name = "revoked"}};
}

Row ToRow(const v1::Token& token) {
  return {token.token_id(), Integer(token.uses_left()), TextOrNull(Iso8601(token.expires_unix_seconds())),
          token.revoked()};
}

std::vector<Column> ModelColumns() {
  return {{.name = "model"},
          {.name = "default_image_size", .numeric = true},
          {.name = "min_image_size", .numeric = true, .drop = 1},
          {.name = "image_size_multiple", .numeric = true, .drop = 2},
          {.name = "parameters", .numeric = true}};
}

Row ToRow(const ModelEntry& model) {
  return {std::string(model.name), Integer(model.default_image_size), Integer(model.min_image_size),
          Integer(model.size_multiple), Integer(model.parameters)};
}

}  // namespace rsg::cli
