#include "coordinator/wandb/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/models.hpp"
#include "common/words.hpp"

namespace rsg::wandb {
namespace {

constexpr double kOriginalSeconds = 30;  // of the original's loop when nothing is asked for
constexpr std::size_t kMostName = 128;   // W&B's limit, in characters; ours are counted in bytes

bool IsFp32Kind(v1::Precision precision) {
  return precision == v1::PRECISION_FP32 || precision == v1::PRECISION_FP32_STRICT || precision == v1::PRECISION_TF32;
}

std::int64_t Int(std::uint64_t number) { return static_cast<std::int64_t>(number); }

void AddText(Fields* fields, const char* key, const std::string& text) {
  if (!text.empty()) fields->emplace_back(key, text);
}

// "8.6" -> "(8, 6)", as torch.cuda.get_device_capability() prints; empty on a CPU.
std::string Capability(const std::string& compute_capability) {
  const std::vector<std::string> parts = absl::StrSplit(compute_capability, '.');
  return parts.size() == 2 ? fmt::format("({}, {})", parts[0], parts[1]) : "";
}

Value NSeconds(const v1::SweepSpec& spec) {
  const v1::Limits& limits = spec.limits();
  const bool original = spec.mode() == v1::MODE_ORIGINAL && !limits.has_n_batches();
  if (!limits.has_seconds() && !original) return nullptr;
  const double seconds = limits.has_seconds() ? limits.seconds() : kOriginalSeconds;
  if (seconds == std::floor(seconds)) return static_cast<std::int64_t>(seconds);
  return seconds;
}

const v1::Device* DeviceOf(const store::RunContent& run) {
  for (const v1::Device& device : run.machine.devices())
    if (device.id() == run.job.device_id) return &device;
  return nullptr;
}

// The first repeat has the number that was asked for, 1 without any.
std::int64_t RunNumber(const store::RunContent& run) {
  return Int(std::max(1U, run.sweep.spec.run_number())) + run.job.repeat - 1;
}

void AddOriginalFacts(const store::RunContent& run, Fields* fields) {
  const v1::Cell& cell = run.job.cell;
  const v1::Device* device = DeviceOf(run);
  const v1::Limits& limits = run.sweep.spec.limits();
  fields->emplace_back("device_name", run.job.device_name);
  fields->emplace_back("device_capability", device != nullptr ? Capability(device->compute_capability()) : "");
  fields->emplace_back("pytorch", run.machine.stack().torch_version());
  fields->emplace_back("cuda", run.machine.stack().cuda_version());
  fields->emplace_back("platform", run.machine.operating_system());
  fields->emplace_back("model", cell.model());
  fields->emplace_back("fp16", cell.precision() == v1::PRECISION_FP16);
  fields->emplace_back("bs", Int(cell.batch_size()));
  fields->emplace_back("n_seconds", NSeconds(run.sweep.spec));
  fields->emplace_back("n_batches", limits.has_n_batches() ? Value(Int(limits.n_batches())) : Value(nullptr));
  fields->emplace_back("run_number", RunNumber(run));
  fields->emplace_back("gpu_mem", device != nullptr ? Int(std::uint64_t{device->memory_mib()} << 20) : 0);
}

void AddTelemetry(const v1::Telemetry& t, Fields* fields) {
  const auto add = [fields](bool present, const char* key, Value value) {
    if (present) fields->emplace_back(key, std::move(value));
  };
  add(t.has_sm_clock_mhz(), "telemetry/sm_clock_mhz", t.sm_clock_mhz());
  add(t.has_memory_clock_mhz(), "telemetry/memory_clock_mhz", t.memory_clock_mhz());
  add(t.has_temperature_celsius(), "telemetry/temperature_celsius", t.temperature_celsius());
  add(t.has_power_watts(), "telemetry/power_watts", t.power_watts());
  add(t.has_energy_joules(), "telemetry/energy_joules", t.energy_joules());
  add(t.has_used_memory_mib(), "telemetry/used_memory_mib", Int(t.used_memory_mib()));
  add(t.has_pcie_generation(), "telemetry/pcie_generation", Int(t.pcie_generation()));
  add(t.has_pcie_width(), "telemetry/pcie_width", Int(t.pcie_width()));
  add(t.has_power_cap_share(), "telemetry/power_cap_share", t.power_cap_share());
  add(t.has_thermal_share(), "telemetry/thermal_share", t.thermal_share());
  add(t.has_hardware_share(), "telemetry/hardware_share", t.hardware_share());
  add(t.has_cpu_mhz(), "telemetry/cpu_mhz", t.cpu_mhz());
  add(t.has_cpu_load(), "telemetry/cpu_load", t.cpu_load());
  add(t.has_cpu_wait_share(), "telemetry/cpu_wait_share", t.cpu_wait_share());
}

void AddResult(const store::RunContent& run, const v1::Result& result, Fields* fields) {
  // The original's second line.
  fields->emplace_back("duration", result.seconds());
  fields->emplace_back("n_items", Int(result.samples()));
  // The original's notebook takes the best one it sees.
  if (IsCanonical(run.sweep.spec, run.job.cell, run.job.role) && result.taints().empty())
    fields->emplace_back("throughput", result.throughput());

  const auto add = [fields](bool present, const char* key, Value value) {
    if (present) fields->emplace_back(key, std::move(value));
  };
  fields->emplace_back("samples_per_second", result.throughput());
  add(result.has_ci_low(), "ci_low", result.ci_low());
  add(result.has_ci_high(), "ci_high", result.ci_high());
  AddText(fields, "verdict", Word(result.verdict()));
  AddText(fields, "evidence", result.evidence());
  AddText(fields, "taints", absl::StrJoin(result.taints(), "; "));
  AddText(fields, "stop_reason", Word(result.stop_reason()));
  fields->emplace_back("n_windows", Int(result.windows()));
  fields->emplace_back("n_steps", Int(result.steps()));
  fields->emplace_back("warm_up_seconds", result.warm_up_seconds());
  fields->emplace_back("window_cv", result.window_cv());
  fields->emplace_back("peak_memory_mib", Int(result.peak_memory_mib()));
  add(result.has_drained_share(), "drained_share", result.drained_share());
  const v1::Physics& physics = result.physics();
  add(result.has_physics(), "flop_per_sample", physics.flop_per_sample());
  add(physics.has_share_of_peak(), "share_of_peak", physics.share_of_peak());
  const v1::Telemetry& telemetry = result.telemetry();
  add(telemetry.energy_joules() > 0, "samples_per_joule", result.samples() / telemetry.energy_joules());
  AddTelemetry(telemetry, fields);
  // Fingerprints: what has to agree before two results are compared, what should, and what is expected to differ.
  AddText(fields, "method_key", result.keys().method());
  AddText(fields, "stack_key", result.keys().stack());
  AddText(fields, "machine_key", result.keys().machine());
}

std::string ShortDevice(std::string name) {
  for (const char* maker : {"NVIDIA ", "GeForce ", "Tesla "})
    if (name.starts_with(maker)) name.erase(0, std::char_traits<char>::length(maker));
  return name.empty() ? "device" : name;
}

// Cut where a character begins.
std::string Cut(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  text.resize(bytes);
  return text;
}

}  // namespace

bool IsCanonical(const v1::SweepSpec& spec, const v1::Cell& cell, v1::Role role) {
  if (role != v1::ROLE_MEASUREMENT) return false;
  if (cell.mode() != v1::MODE_STANDARD && cell.mode() != v1::MODE_ORIGINAL) return false;
  if (!spec.memory_formats().empty() && cell.memory_format() != spec.memory_formats(0)) return false;
  if (!spec.image_sizes().empty() && cell.image_size() != spec.image_sizes(0)) return false;
  if (cell.precision() == v1::PRECISION_FP16) return true;
  for (const int precision : spec.precisions())
    if (IsFp32Kind(static_cast<v1::Precision>(precision))) return cell.precision() == precision;
  // A sweep that names no precision runs fp32.
  return spec.precisions().empty() && cell.precision() == v1::PRECISION_FP32;
}

Fields FactsOf(const store::RunContent& run) {
  Fields fields;
  AddOriginalFacts(run, &fields);
  const v1::Cell& cell = run.job.cell;
  fields.emplace_back("precision", Word(cell.precision()));
  fields.emplace_back("memory_format", Word(cell.memory_format()));
  fields.emplace_back("mode", Word(cell.mode()));
  fields.emplace_back("image_size", Int(cell.image_size()));
  fields.emplace_back("canonical", IsCanonical(run.sweep.spec, cell, run.job.role));
  fields.emplace_back("sweep", schedule::SweepId(run.sweep.sweep));
  AddText(&fields, "sweep_name", run.sweep.spec.name());
  fields.emplace_back("job", schedule::Id(run.job.key));
  fields.emplace_back("repeat", Int(run.job.repeat));
  fields.emplace_back("device_id", run.job.device_id);
  fields.emplace_back("machine_id", run.job.machine_id);
  AddText(&fields, "agent", run.agent);
  AddText(&fields, "cpu_model", run.machine.cpu_model());
  AddText(&fields, "driver_version", run.machine.driver_version());
  AddText(&fields, "cudnn", run.machine.stack().cudnn_version());
  AddText(&fields, "trainer_version", run.machine.stack().trainer_version());
  return fields;
}

Fields WindowFields(const v1::Window& window, std::int64_t attempt) {
  Fields fields{{"window/attempt", attempt},
                {"window/sequence", Int(window.sequence())},
                {"window/warm_up", window.warm_up()},
                {"window/samples_per_second", window.samples() / window.seconds()},
                {"window/samples", Int(window.samples())},
                {"window/seconds", window.seconds()}};
  if (window.has_drained_share()) fields.emplace_back("window/drained_share", window.drained_share());
  AddTelemetry(window.telemetry(), &fields);
  return fields;
}

Fields EndFields(const store::RunContent& run, const schedule::AttemptRecord& attempt) {
  Fields fields;
  const bool measured = attempt.outcome == v1::OUTCOME_COMPLETED && run.result;
  if (measured) AddResult(run, *run.result, &fields);
  fields.emplace_back("outcome", Word(attempt.outcome));
  fields.emplace_back("attempt", attempt.key.attempt);
  if (!measured) AddText(&fields, "reason", attempt.error);
  return fields;
}

std::string DisplayName(const store::RunContent& run) {
  const v1::Cell& cell = run.job.cell;
  const v1::SweepSpec& spec = run.sweep.spec;
  if (!spec.run_name().empty()) return Cut(spec.run_name(), kMostName);
  std::string name = fmt::format("{} · {} · bs {} · {}", Cut(ShortDevice(run.job.device_name), 48),
                                 Cut(cell.model(), 48), cell.batch_size(), Word(cell.precision()));
  if (!spec.memory_formats().empty() && cell.memory_format() != spec.memory_formats(0))
    name += " · " + Word(cell.memory_format());
  const ModelEntry* model = FindModel(cell.model());
  if (model != nullptr && cell.image_size() != model->default_image_size)
    name += fmt::format(" · {} px", cell.image_size());
  if (cell.mode() != v1::MODE_STANDARD) name += " · " + Word(cell.mode());
  if (RunNumber(run) > 1) name += fmt::format(" · #{}", RunNumber(run));
  return Cut(std::move(name), kMostName);
}

std::string GroupName(const store::RunContent& run) {
  return fmt::format("{}-{}", schedule::SweepId(run.sweep.sweep), run.database_id.substr(0, 6));
}

std::vector<std::string> Tags(const store::RunContent& run) {
  const v1::Cell& cell = run.job.cell;
  std::vector<std::string> tags{"rsg", Word(cell.precision()), Word(cell.memory_format()), Word(cell.mode())};
  if (IsCanonical(run.sweep.spec, cell, run.job.role)) tags.emplace_back("canonical");
  std::erase(tags, "");
  return tags;
}

}  // namespace rsg::wandb
