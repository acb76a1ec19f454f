// DenseNet (Huang et al. 2017) as timm defines it: "BC", with bottlenecks and transitions that halve the channels.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

struct DenseNetShape {
  std::array<int, 4> depths;  ///< layers in each dense block
  std::int64_t growth = 32;   ///< channels that a layer adds; the first convolution has twice as many
};

std::unique_ptr<Model> MakeModel(const DenseNetShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
