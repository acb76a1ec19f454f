#include "agent/job/trainer_command.hpp"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/words.hpp"

namespace rsg::agent {

std::vector<std::string> TrainerArguments(const v1::Assign& assign, const v1::Device& device,
                                          const std::filesystem::path& state_folder,
                                          const std::filesystem::path& script) {
  const v1::Cell& cell = assign.cell();
  const v1::Limits& limits = assign.limits();
  std::vector<std::string> arguments{"run"};
  const auto add = [&](const char* flag, const std::string& value) {
    arguments.emplace_back(flag);
    arguments.push_back(value);
  };
  if (cell.has_script()) {
    add("--script", script.string());
    add("--name", cell.script().name());
  } else {
    add("--model", cell.model());
  }
  add("--bs", absl::StrCat(cell.batch_size()));
  if (cell.script().sample_shape().empty()) {
    add("--size", absl::StrCat(cell.image_size()));
  } else {
    add("--input-shape", absl::StrJoin(cell.script().sample_shape(), ","));
  }
  add("--precision", Word(cell.precision()));
  add("--memory-format", Word(cell.memory_format()));
  add("--mode", Word(cell.mode()));
  add("--device", device.kind() == v1::DEVICE_KIND_GPU ? absl::StrCat("cuda:", device.ordinal()) : "cpu");
  if (limits.has_seconds()) add("--seconds", absl::StrCat(limits.seconds()));
  if (limits.has_n_batches()) add("--n_batches", absl::StrCat(limits.n_batches()));
  // Every job without another end has a target; mode original ends by a rule of its own.
  if (limits.has_target_half_width() && cell.mode() != v1::MODE_ORIGINAL)
    add("--target", absl::StrCat(100 * limits.target_half_width()));  // in percent
  add("--max-seconds", absl::StrCat(limits.max_seconds()));
  if (limits.has_memory_limit_mib()) add("--memory-limit", absl::StrCat(limits.memory_limit_mib()));
  if (device.kind() == v1::DEVICE_KIND_GPU) add("--thermal-gate", state_folder / ("thermal-" + device.id()));
  add("--probe-cache", (state_folder / "probes.json").string());
  add("--json-lines", absl::StrCat(kTrainerEventsFd));
  return arguments;
}

}  // namespace rsg::agent
