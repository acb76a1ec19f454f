#include "coordinator/cli/rows.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <map>

#include "common/script.hpp"
#include "common/words.hpp"
#include "coordinator/cli/row_values.hpp"

namespace rsg::cli {
namespace {

template <typename List>
std::string Joined(const List& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

std::string ModelsText(const v1::SweepSpec& spec) {
  std::vector<std::string> models(spec.models().begin(), spec.models().end());
  for (const v1::Script& script : spec.scripts()) models.push_back(ScriptModel(script));
  return Joined(models);
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
  const bool usual = cell.mode() == v1::MODE_STANDARD || cell.mode() == v1::MODE_UNSPECIFIED;
  const v1::Script& script = cell.script();
  const std::string sample = script.sample_shape().empty()
                                 ? fmt::format("{} px", cell.image_size())
                                 : SampleShapeText(ScriptSampleShape(script, cell.image_size()));
  return fmt::format("{} bs {}, {}, {}, {}{}{}", cell.model(), cell.batch_size(), sample, Word(cell.precision()),
                     Word(cell.memory_format()), usual ? "" : ", ", usual ? "" : Word(cell.mode()));
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
  columns.push_back({.name = "absent_jobs", .detail = true});
  return columns;
}

Row ToRow(const v1::SweepStatus& sweep) {
  const v1::JobCounts& counts = sweep.counts();
  Row row{sweep.sweep_id(),
          TextOrNull(sweep.spec().name()),
          Word(sweep.state()),
          ModelsText(sweep.spec()),
          TextOrNull(Iso8601(sweep.submitted_unix_seconds())),
          TextOrNull(Iso8601(sweep.ended_unix_seconds())),
          Integer(sweep.cells()),
          Integer(sweep.devices()),
          Integer(counts.total())};
  for (const std::uint32_t count : {counts.queued(), counts.running(), counts.completed(), counts.out_of_memory(),
                                    counts.unsupported(), counts.failed(), counts.cancelled(), counts.skipped()})
    row.push_back(Integer(count));
  row.emplace_back();
  if (sweep.has_eta_seconds()) row.back() = sweep.eta_seconds();
  row.push_back(Integer(sweep.absent_jobs()));
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
          {.name = "attempts_ahead", .heading = "ahead", .numeric = true, .sparse = true, .drop = 4},
          {.name = "spooled_windows", .detail = true},
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
          agent.attempt_id().empty() ? Value() : Integer(agent.attempts_ahead()),
          Integer(agent.spooled_windows()),
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
