// EfficientNet (Tan & Le 2019), MobileNetV2 (Sandler et al. 2018) and MobileNetV3 (Howard et al. 2019): a stem, stages
// of inverted residuals and a head, as timm builds all three. timm.create_model gives them neither dropout nor
// drop-path.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "agent/trainer/models/blocks.hpp"
#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

/// Blocks of one kind in a row; only the first of them strides.
struct MobileRow {
  int stage;  ///< rows of a stage follow each other
  int repeats;
  std::int64_t kernel;  ///< of the depthwise convolution
  std::int64_t stride;
  double expansion;  ///< channels inside over channels in; 0: depthwise-separable, without an expanding convolution
  std::int64_t out;  ///< channels
  Activation activation;
  bool squeeze = false;  ///< with squeeze-and-excitation
};

/// How squeeze-and-excitation and the head are made.
enum class MobileStyle {
  /// Squeezes to a quarter of the channels that come into the block, with a sigmoid gate; pools the head's features.
  kEfficientNet,
  /// Squeezes to a quarter of the channels inside the block, rounded, with a hard-sigmoid gate; pools before the head's
  /// convolution, which has a bias in place of a norm.
  kMobileNetV3,
};

struct EfficientNetShape {
  std::span<const MobileRow> rows;
  std::int64_t stem;      ///< channels after the first convolution
  Activation activation;  ///< of stem and head
  MobileStyle style = MobileStyle::kEfficientNet;
};

std::unique_ptr<Model> MakeModel(const EfficientNetShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
