#include "common/models.hpp"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rsg {
namespace {

// Largest image the field trains on; keeps sizes out of the range where pixel counts overflow.
constexpr std::uint32_t kMaxImageSize = 4096;

constexpr std::array kModels{
    ModelEntry{"resnet18", 224, 32, 1, 32, true, 11'689'512},
    ModelEntry{"resnet34", 224, 32, 1, 32, true, 21'797'672},
    ModelEntry{"resnet50", 224, 32, 1, 32, true, 25'557'032},
    ModelEntry{"resnet101", 224, 32, 1, 32, true, 44'549'160},
    ModelEntry{"resnet152", 224, 32, 1, 32, true, 60'192'808},
    ModelEntry{"wide_resnet50_2", 224, 32, 1, 32, true, 68'883'240},
    ModelEntry{"resnext50_32x4d", 224, 32, 1, 32, true, 25'028'904},
    ModelEntry{"vgg11", 224, 32, 1, 32, false, 132'863'336},
    ModelEntry{"vgg16", 224, 32, 1, 32, false, 138'357'544},
    ModelEntry{"vgg19", 224, 32, 1, 32, false, 143'667'240},
    ModelEntry{"vgg19_bn", 224, 32, 1, 31, true, 143'678'248},
    ModelEntry{"densenet121", 224, 32, 1, 60, true, 7'978'856},
    ModelEntry{"regnetx_032", 224, 32, 1, 32, true, 15'296'552},
    ModelEntry{"regnety_032", 224, 32, 1, 32, true, 19'436'338},
    ModelEntry{"convnext_tiny", 224, 32, 1, 32, false, 28'589'128},
    ModelEntry{"convnext_base", 224, 32, 1, 32, false, 88'591'464},
    ModelEntry{"mobilenetv2_100", 224, 32, 1, 32, true, 3'504'872},
    ModelEntry{"mobilenetv3_large_100", 224, 32, 1, 32, true, 5'483'032},
    ModelEntry{"efficientnet_b0", 224, 32, 1, 32, true, 5'288'548},
    ModelEntry{"swin_s3_base_224", 224, 32, 4, 32, false, 71'125'762},
    ModelEntry{"swin_tiny_patch4_window7_224", 224, 32, 4, 32, false, 28'288'354},
    ModelEntry{"swin_small_patch4_window7_224", 224, 32, 4, 32, false, 49'606'258},
    ModelEntry{"swin_base_patch4_window7_224", 224, 32, 4, 32, false, 87'768'224},
    ModelEntry{"vit_small_patch16_224", 224, 32, 16, 16, false, 22'050'664},
    ModelEntry{"vit_base_patch16_224", 224, 32, 16, 16, false, 86'567'656},
    ModelEntry{"vit_large_patch16_224", 224, 32, 16, 16, false, 304'326'632},
    ModelEntry{"deit_base_patch16_224", 224, 32, 16, 16, false, 86'567'656},
    ModelEntry{"mixer_b16_224", 224, 32, 16, 16, false, 59'880'472},
};

}  // namespace

std::span<const ModelEntry> Models() { return kModels; }

const ModelEntry* FindModel(std::string_view name) {
  for (const ModelEntry& model : kModels)
    if (model.name == name) return &model;
  return nullptr;
}

std::string ModelNames() {
  return absl::StrJoin(kModels, ", ",
                       [](std::string* out, const ModelEntry& m) { absl::StrAppend(out, std::string(m.name)); });
}

absl::Status CheckModelSize(const ModelEntry& model, std::uint32_t image_size, std::uint32_t batch_size) {
  const std::string name(model.name);
  if (image_size < model.min_image_size || image_size > kMaxImageSize)
    return absl::InvalidArgumentError(absl::StrCat("size: ", image_size, " is outside what ", name, " takes; use ",
                                                   model.min_image_size, " to ", kMaxImageSize));
  if (image_size % model.size_multiple != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("size: ", image_size, " does not fit ", name, "; use a multiple of ", model.size_multiple));
  const std::uint64_t side = (image_size + model.reduction - 1) / model.reduction;
  if (model.batch_norm && std::uint64_t{batch_size} * side * side < 2)
    return absl::InvalidArgumentError(absl::StrCat("size: ", image_size, " with batch size ", batch_size, " leaves ",
                                                   name, "'s last batch norm one value a channel; use size ",
                                                   model.reduction + 1, " or more, or a batch size of 2 or more"));
  return absl::OkStatus();
}

}  // namespace rsg
