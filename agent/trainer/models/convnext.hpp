// ConvNeXt (Liu et al. 2022) as timm defines it: norms and linear layers inside the blocks work on [B, H, W, C], the
// head normalises after pooling. timm.create_model gives it neither dropout nor drop-path.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

struct ConvNeXtShape {
  std::array<int, 4> depths;           ///< blocks in each stage
  std::array<std::int64_t, 4> widths;  ///< channels in each stage
};

std::unique_ptr<Model> MakeModel(const ConvNeXtShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
