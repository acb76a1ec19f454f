// MLP-Mixer (Tolstikhin et al. 2021) with patches of 16 pixels, as timm builds it for an image size.
// timm.create_model gives it neither dropout nor drop-path.
#pragma once
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

struct MixerShape {
  std::int64_t width;  ///< numbers of a token
  int depth;           ///< blocks
};

std::unique_ptr<Model> MakeModel(const MixerShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
