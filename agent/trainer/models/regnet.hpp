// RegNet (Radosavovic et al. 2020) as timm defines it: four stages of bottlenecks that do not narrow, in groups; Y adds
// squeeze-excitation (Hu et al. 2018) after the grouped convolution. The last norm of every block starts at zero.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "agent/trainer/models/model.hpp"

namespace rsg::trainer {

/// Depths and widths as the paper's linear rule gives them, rounded to whole groups.
struct RegNetShape {
  std::array<int, 4> depths;           ///< blocks in each stage
  std::array<std::int64_t, 4> widths;  ///< channels of each stage
  std::int64_t group_width;            ///< channels of a group
  bool squeeze = false;                ///< squeeze-excitation, to a quarter of a block's input channels
};

std::unique_ptr<Model> MakeModel(const RegNetShape& shape, const ModelOptions& options);

}  // namespace rsg::trainer
