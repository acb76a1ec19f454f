// The plain table of models: names and size rules, used by the trainer (which builds them) and by the coordinator
// (which refuses a sweep that no trainer could run). No LibTorch here.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace rsg {

struct ModelEntry {
  std::string_view name;  ///< timm's name
  std::uint32_t default_image_size;
  std::uint32_t min_image_size;
  std::uint32_t size_multiple;  ///< image sizes must be a multiple of it; 1: any
  std::uint32_t reduction;      ///< images up to this size are one pixel at the last batch norm
  bool batch_norm;              ///< needs more than one value a channel: batch_size x last feature map >= 2
  std::uint32_t parameters;     ///< at 1000 classes and the default image size, as timm counts them
};

/// All models, in the order in which they are shown.
std::span<const ModelEntry> Models();

/// The entry of `name`, or nullptr.
const ModelEntry* FindModel(std::string_view name);

/// "resnet18, resnet50": for error texts.
std::string ModelNames();

/// Whether `model` can be trained at `image_size` pixels and `batch_size` samples; the error names field, value,
/// remedy.
absl::Status CheckModelSize(const ModelEntry& model, std::uint32_t image_size, std::uint32_t batch_size);

}  // namespace rsg
