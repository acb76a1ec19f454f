#include "coordinator/schedule/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/cells.hpp"
#include "common/models.hpp"
#include "common/script.hpp"
#include "common/words.hpp"

namespace rsg::schedule {
namespace {

constexpr double kDay = 86400;
constexpr double kDefaultTarget = 0.005;  // half-width of the 95 % interval as a share of the throughput
// As rsg-trainer's own: a steady machine is within the target in seconds, one that never will be must not hold up its
// sweep. A GPU's thermal gate is not part of it.
constexpr double kTargetMaxSeconds = 60;
// Loading LibTorch, building the model and the first step (cuDNN tries its algorithms) of a large cell; and one step
// that began just before the limit.
constexpr double kStartAndLastStepSeconds = 600;

// Warm-up may take half of the asked-for time; a step of a large batch on a CPU takes tens of seconds.
double DerivedMaxSeconds(const v1::Limits& limits) {
  if (limits.has_target_half_width()) return kTargetMaxSeconds;
  if (!limits.has_seconds()) return 3600;
  return std::min(kDay, 2 * limits.seconds() + 120);
}

// The models and image sizes of the sweep, as cells that lack the rest.
std::vector<v1::Cell> Subjects(const v1::SweepSpec& spec) {
  std::vector<v1::Cell> subjects;
  v1::Cell cell;
  cell.set_mode(spec.mode());
  const auto add = [&](const google::protobuf::RepeatedField<std::uint32_t>& sizes, std::uint32_t otherwise) {
    for (const std::uint32_t size : sizes) {
      cell.set_image_size(size);
      subjects.push_back(cell);
    }
    if (!sizes.empty()) return;
    cell.set_image_size(otherwise);
    subjects.push_back(cell);
  };
  for (const std::string& model : spec.models()) {
    cell.set_model(model);
    const ModelEntry* entry = FindModel(model);
    add(spec.image_sizes(), entry != nullptr ? entry->default_image_size : 0);
  }
  for (const v1::Script& script : spec.scripts()) {
    cell.set_model(ScriptModel(script));
    *cell.mutable_script() = script;
    add(script.sample_shape().empty() ? spec.image_sizes() : google::protobuf::RepeatedField<std::uint32_t>(),
        DefaultImageSize(script));
  }
  return subjects;
}

}  // namespace

v1::SweepSpec WithDefaults(v1::SweepSpec spec) {
  if (spec.precisions().empty()) spec.add_precisions(v1::PRECISION_FP32);
  if (spec.memory_formats().empty())
    spec.add_memory_formats(spec.mode() == v1::MODE_TUNED ? v1::MEMORY_FORMAT_NHWC : v1::MEMORY_FORMAT_NCHW);
  if (spec.mode() == v1::MODE_UNSPECIFIED) spec.set_mode(v1::MODE_STANDARD);
  if (spec.repeats() == 0) spec.set_repeats(1);
  if (!spec.has_control()) spec.set_control(true);
  v1::Limits& limits = *spec.mutable_limits();
  if (!limits.has_seconds() && !limits.has_n_batches() && !limits.has_target_half_width())
    limits.set_target_half_width(kDefaultTarget);
  if (limits.max_seconds() == 0) limits.set_max_seconds(DerivedMaxSeconds(limits));
  std::sort(spec.mutable_batch_sizes()->begin(), spec.mutable_batch_sizes()->end());
  return spec;
}

absl::StatusOr<std::vector<PlannedCell>> PlanCells(const v1::SweepSpec& spec) {
  const std::uint64_t count = CountCells(spec);
  if (count > kMaxCells)
    return absl::InvalidArgumentError(
        fmt::format("cells: {} is more than {}; split the sweep into several", count, kMaxCells));
  std::vector<PlannedCell> plan;
  plan.reserve(count);
  std::vector<v1::Cell> subjects = Subjects(spec);
  for (std::uint32_t repeat = 1; repeat <= spec.repeats(); ++repeat)
    for (v1::Cell& cell : subjects)
      for (const int precision : spec.precisions()) {
        cell.set_precision(static_cast<v1::Precision>(precision));
        for (const int format : spec.memory_formats()) {
          cell.set_memory_format(static_cast<v1::MemoryFormat>(format));
          for (const std::uint32_t batch_size : spec.batch_sizes()) {
            cell.set_batch_size(batch_size);
            plan.push_back({.cell = cell, .repeat = repeat});
          }
        }
      }
  return plan;
}

double MaxRuntimeSeconds(const v1::Limits& limits) { return limits.max_seconds() + kStartAndLastStepSeconds; }

std::string WhyNot(const v1::Cell& cell, const v1::Device& device,
                   const google::protobuf::RepeatedPtrField<std::string>& models) {
  if (std::find(device.precisions().begin(), device.precisions().end(), cell.precision()) == device.precisions().end())
    return fmt::format("{} lacks {}", device.name(), Word(cell.precision()));
  if (!cell.has_script() && std::find(models.begin(), models.end(), cell.model()) == models.end())
    return fmt::format("the trainer of this machine lacks {}", cell.model());
  return "";
}

}  // namespace rsg::schedule
