// ResNet (He et al. 2016) as timm defines it: bottlenecks stride in their 3x3 convolution ("v1.5"), the last norm of
// every block starts at zero.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

enum class ResNetBlock { kBasic, kBottleneck };

struct ResNetShape {
  ResNetBlock block;
  std::array<int, 4> depths;     ///< blocks in each stage
  std::int64_t groups = 1;       ///< of the 3x3 convolutions (ResNeXt)
  std::int64_t base_width = 64;  ///< channels of a group in the first stage (wide ResNet: 128)
};

std::unique_ptr<Model> MakeModel(const ResNetShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
