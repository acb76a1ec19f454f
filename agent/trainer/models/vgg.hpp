// VGG (Simonyan and Zisserman 2015) as timm defines it: the first two of its three fully connected layers are
// convolutions of 7x7 and 1x1, to whose kernel smaller feature maps are stretched, and whatever they leave is averaged;
// so any image of 32 pixels or more will do. No dropout, which timm leaves at 0.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

struct VggShape {
  std::array<int, 5> depths;  ///< convolutions in each stage, which ends with a pooling
  bool norm = false;          ///< batch norm after every convolution
};

std::unique_ptr<Model> MakeModel(const VggShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
