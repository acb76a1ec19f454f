#include "coordinator/cli/preset.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "common/models.hpp"
#include "common/refusal.hpp"

namespace rsg::cli {
namespace {

constexpr std::array<std::string_view, 3> kOriginalModels{"resnet50", "vgg19", "swin_s3_base_224"};

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

absl::Status CheckModels() {
  std::vector<std::string> missing;
  std::vector<std::string> present;
  for (const std::string_view model : kOriginalModels)
    (FindModel(model) == nullptr ? missing : present).emplace_back(model);
  if (missing.empty()) return absl::OkStatus();
  return Refuse("preset", fmt::format("'original' needs {}, which this version cannot train", Listed(missing)),
                present.empty() ? "name models with --models"
                                : fmt::format("for the part that it can, add --models {}", Join(present)));
}

}  // namespace

std::vector<std::string> PresetNames() { return {"original"}; }

absl::StatusOr<SweepFields> ApplyPreset(std::string_view name, const SweepFields& given) {
  if (name != "original") return RefuseWord("preset", name, PresetNames());
  SweepFields preset{{"bs", "8..4096"}, {"precision", "fp32,fp16"}, {"seconds", "30"}, {"name", "original"}};
  if (!given.contains("models")) {
    if (auto s = CheckModels(); !s.ok()) return s;
    preset["models"] = Join({kOriginalModels.begin(), kOriginalModels.end()});
  }
  return Override(std::move(preset), given);
}

}  // namespace rsg::cli
