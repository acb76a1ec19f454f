#include "coordinator/cli/sweep_flags.hpp"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/models.hpp"
#include "common/words.hpp"
#include "coordinator/cli/preset.hpp"

namespace rsg::cli {
namespace {

// What rsg-trainer and the tool that RSG succeeds call it.
std::string Alias(std::string_view field) {
  if (field == "models") return "--model";
  if (field == "seconds") return "--n_seconds";
  if (field == "n-batches") return "--n_batches";
  return "";
}

}  // namespace

void SweepFlags::AddTo(CLI::App& app, const std::vector<std::string_view>& names) {
  for (const SweepField& field : AllSweepFields()) {
    if (field.placeholder.empty()) continue;
    if (!names.empty() && std::find(names.begin(), names.end(), field.name) == names.end()) continue;
    std::string flags = "--" + std::string(field.name);
    if (const std::string alias = Alias(field.name); !alias.empty()) flags += "," + alias;
    auto* option = app.add_option(flags, values_[std::string(field.name)], std::string(field.help));
    // One value a flag, so that "--models a b" does not swallow b; the flags of lists may stand more than once.
    option->type_name(std::string(field.placeholder))->allow_extra_args(false)->group("Sweep");
    if (field.list)
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    else
      option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
}

SweepFields SweepFlags::Given() const {
  SweepFields fields;
  for (const auto& [name, values] : values_)
    if (!values.empty()) fields[name] = absl::StrJoin(values, ",");
  return fields;
}

OptionWords SweepFlagWords() {
  const std::vector<std::string> models = absl::StrSplit(ModelNames(), ", ");
  const std::vector<std::string> precisions = absl::StrSplit(PrecisionWords(), ", ");
  const std::vector<std::string> formats = absl::StrSplit(MemoryFormatWords(), ", ");
  const std::vector<std::string> modes = absl::StrSplit(ModeWords(), ", ");
  const std::vector<std::string> outcomes = absl::StrSplit(OutcomeWords(), ", ");
  return {{"--models", models},
          {"--model", models},
          {"--precision", precisions},
          {"--device", {"gpu", "cpu"}},
          {"--memory-format", formats},
          {"--mode", modes},
          {"--preset", PresetNames()},
          {"--outcome", outcomes},
          {"--output", {"table", "json", "csv"}},
          {"--color", {"auto", "always", "never"}},
          {"--log-level", {"trace", "debug", "info", "warn", "error", "off"}},
          {"--log-format", {"text", "json"}},
          {"shell", {"bash", "zsh", "fish"}}};
}

}  // namespace rsg::cli
