// Vision Transformer (Dosovitskiy et al. 2021) with patches of 16 pixels and a class token, as timm builds it for an
// image size. DeiT (Touvron et al. 2021) without distillation is the same network. timm.create_model gives them neither
// dropout nor drop-path.
#pragma once
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

struct VitShape {
  std::int64_t width;  ///< numbers of a token
  int depth;           ///< blocks
  std::int64_t heads;
};

std::unique_ptr<Model> MakeModel(const VitShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
