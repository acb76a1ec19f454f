// Swin Transformer (Liu et al. 2021) and its searched variant S3 (Chen et al. 2021) as timm builds them for an image
// size: attention within windows, which every second block shifts by half a window.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

struct SwinShape {
  std::int64_t width;          ///< of the first stage's tokens; doubles from stage to stage
  std::array<int, 4> depths;   ///< blocks in each stage
  std::int64_t heads;          ///< of the first stage; double from stage to stage
  std::array<int, 4> windows;  ///< sides, in tokens
  double drop_path = 0.1;      ///< of the last block; rises linearly from 0
};

std::unique_ptr<Model> MakeModel(const SwinShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
