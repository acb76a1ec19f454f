// Rows of results and of jobs.
#include <cstdio>

#include "common/percent.hpp"
#include "common/words.hpp"
#include "coordinator/cli/row_values.hpp"
#include "coordinator/cli/rows.hpp"
#include "coordinator/schedule/control.hpp"

namespace rsg::cli {
namespace {

constexpr char kHalfWidth[] = "\u00b1%";

std::optional<Ink> VerdictInk(const Value& value) {
  const auto* word = std::get_if<std::string>(&value);
  if (word == nullptr || word->empty()) return std::nullopt;
  return *word == "VALID" ? Ink::kGood : Ink::kWarn;
}

std::optional<Ink> TaintInk(const Value&) { return Ink::kBad; }

using Texts = google::protobuf::RepeatedPtrField<std::string>;

std::string JoinTaints(const Texts& taints) {
  std::string text;
  for (const std::string& taint : taints) text.append(text.empty() ? "" : "; ").append(taint);
  return text;
}

// What never leaves a narrow table, though the reason may.
Value TaintMark(const Texts& taints) { return taints.empty() ? Value() : "!"; }

template <typename Number>
Value If(bool present, Number number) {
  return present ? Value(number) : Value();
}

// Of a message with a confidence interval, as a percentage of the throughput.
template <typename Message>
Value HalfWidthPercent(double throughput, const Message& of) {
  if (!of.has_ci_low() || !of.has_ci_high() || !(throughput > 0)) return {};
  return 100 * HalfWidth(throughput, of.ci_low(), of.ci_high());
}

// What must not be taken for the standard loop.
Value UnusualMode(const v1::Cell& cell) {
  return cell.mode() == v1::MODE_STANDARD ? Value() : TextOrNull(Word(cell.mode()));
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

}  // namespace

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
          {.name = "unusual_mode", .heading = "mode", .people = true, .sparse = true, .drop = 1},
          {.name = "repeat", .numeric = true, .drop = 7},
          {.name = "control", .people = true, .sparse = true},
          {.name = "outcome", .drop = 1, .ink = OutcomeInk},
          {.name = "reason", .sparse = true, .drop = 2},
          {.name = "throughput", .heading = "samples/s", .numeric = true, .digits = 2},
          {.name = "ci_low", .detail = true},
          {.name = "ci_high", .detail = true},
          {.name = "half_width_percent", .heading = kHalfWidth, .numeric = true, .digits = 2, .sparse = true},
          {.name = "tainted", .heading = "!", .people = true, .sparse = true, .ink = TaintInk},
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
          {.name = "taints", .sparse = true, .drop = 2, .ink = TaintInk},
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
          {.name = "machine_id", .detail = true},
          {.name = "script_sha256", .detail = true},
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
          UnusualMode(cell),
          Integer(job.repeat()),
          WhichControl(job),
          Word(job.outcome()),
          job.reason(),
          if_measured(result.throughput()),
          If(result.has_ci_low(), result.ci_low()),
          If(result.has_ci_high(), result.ci_high()),
          HalfWidthPercent(result.throughput(), result),
          TaintMark(result.taints()),
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
          TextOrNull(JoinTaints(result.taints())),
          If(result.has_drained_share(), result.drained_share()),
          If(result.physics().has_share_of_peak(), result.physics().share_of_peak()),
          if_measured(Integer(result.peak_memory_mib())),
          if_measured(std::string(result.stack().trainer_version())),
          if_measured(std::string(result.stack().torch_version())),
          if_measured(std::string(result.stack().cuda_version())),
          if_measured(std::string(result.stack().cudnn_version())),
          TextOrNull(result.keys().method()),
          TextOrNull(result.keys().stack()),
          TextOrNull(result.keys().machine()),
          TextOrNull(Iso8601(row.ended_unix_seconds())),
          Integer(job.attempts()),
          TextOrNull(job.machine_id()),
          TextOrNull(cell.script().sha256()),
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
          {.name = "unusual_mode", .heading = "mode", .people = true, .sparse = true, .drop = 1},
          {.name = "repeat", .numeric = true, .drop = 7},
          {.name = "state", .detail = true},
          {.name = "outcome", .detail = true},
          {.name = "status", .people = true, .ink = OutcomeInk},
          {.name = "throughput", .heading = "samples/s", .numeric = true, .digits = 2},
          {.name = "ci_low", .detail = true},
          {.name = "ci_high", .detail = true},
          {.name = "half_width_percent", .heading = kHalfWidth, .numeric = true, .digits = 2, .sparse = true},
          {.name = "tainted", .heading = "!", .people = true, .sparse = true, .ink = TaintInk},
          {.name = "verdict", .sparse = true, .drop = 2, .ink = VerdictInk},
          {.name = "taints", .sparse = true, .drop = 2, .ink = TaintInk},
          {.name = "windows_stored", .heading = "stored", .numeric = true, .drop = 9},
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
          UnusualMode(cell),
          Integer(job.repeat()),
          Word(job.state()),
          TextOrNull(Word(job.outcome())),
          ended ? Word(job.outcome()) : Word(job.state()),
          If(job.has_throughput(), job.throughput()),
          If(job.has_ci_low(), job.ci_low()),
          If(job.has_ci_high(), job.ci_high()),
          HalfWidthPercent(job.throughput(), job),
          TaintMark(job.taints()),
          TextOrNull(Word(job.verdict())),
          TextOrNull(JoinTaints(job.taints())),
          Integer(job.windows_stored()),
          Integer(job.attempts()),
          job.reason(),
          If(drift_share.has_value(), 100 * drift_share.value_or(0))};
}

}  // namespace rsg::cli
