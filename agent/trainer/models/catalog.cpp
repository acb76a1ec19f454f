// Which name builds what. One line a model; names and size rules for people stand in common/models.cpp.
#include <array>

#include "agent/trainer/models/model.hpp"
#include "agent/trainer/models/resnet.hpp"

namespace rsg::trainer {
namespace {

struct ResNetEntry {
  std::string_view name;
  ResNetShape shape;
};

constexpr std::array kResNets{
    ResNetEntry{"resnet18", {.block = ResNetBlock::kBasic, .depths = {2, 2, 2, 2}}},
    ResNetEntry{"resnet50", {.block = ResNetBlock::kBottleneck, .depths = {3, 4, 6, 3}}},
};

}  // namespace

std::unique_ptr<Model> BuildModel(std::string_view name, const TensorStyle& style) {
  for (const ResNetEntry& entry : kResNets)
    if (entry.name == name) return MakeResNet(entry.shape, style);
  return nullptr;
}

}  // namespace rsg::trainer
