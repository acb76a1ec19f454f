// Which name builds what. One line a model; names and size rules for people stand in common/models.cpp.
#include <variant>

#include "agent/trainer/models/densenet.hpp"
#include "agent/trainer/models/model.hpp"
#include "agent/trainer/models/regnet.hpp"
#include "agent/trainer/models/resnet.hpp"
#include "agent/trainer/models/vgg.hpp"

namespace rsg::trainer {
namespace {

/// One alternative a family: its shape, which its MakeModel takes.
using Shape = std::variant<ResNetShape, VggShape, DenseNetShape, RegNetShape>;

struct Entry {
  std::string_view name;
  Shape shape;
};

constexpr Entry kEntries[] = {
    {"resnet18", ResNetShape{.block = ResNetBlock::kBasic, .depths = {2, 2, 2, 2}}},
    {"resnet34", ResNetShape{.block = ResNetBlock::kBasic, .depths = {3, 4, 6, 3}}},
    {"resnet50", ResNetShape{.block = ResNetBlock::kBottleneck, .depths = {3, 4, 6, 3}}},
    {"resnet101", ResNetShape{.block = ResNetBlock::kBottleneck, .depths = {3, 4, 23, 3}}},
    {"resnet152", ResNetShape{.block = ResNetBlock::kBottleneck, .depths = {3, 8, 36, 3}}},
    {"wide_resnet50_2", ResNetShape{.block = ResNetBlock::kBottleneck, .depths = {3, 4, 6, 3}, .base_width = 128}},
    {"resnext50_32x4d",
     ResNetShape{.block = ResNetBlock::kBottleneck, .depths = {3, 4, 6, 3}, .groups = 32, .base_width = 4}},
    {"vgg11", VggShape{.depths = {1, 1, 2, 2, 2}}},
    {"vgg16", VggShape{.depths = {2, 2, 3, 3, 3}}},
    {"vgg19", VggShape{.depths = {2, 2, 4, 4, 4}}},
    {"vgg19_bn", VggShape{.depths = {2, 2, 4, 4, 4}, .norm = true}},
    {"densenet121", DenseNetShape{.depths = {6, 12, 24, 16}}},
    {"regnetx_032", RegNetShape{.depths = {2, 6, 15, 2}, .widths = {96, 192, 432, 1008}, .group_width = 48}},
    {"regnety_032",
     RegNetShape{.depths = {2, 5, 13, 1}, .widths = {72, 216, 576, 1512}, .group_width = 24, .squeeze = true}},
};

}  // namespace

std::unique_ptr<Model> BuildModel(std::string_view name, const ModelOptions& options) {
  for (const Entry& entry : kEntries)
    if (entry.name == name)
      return std::visit([&](const auto& shape) { return MakeModel(shape, options); }, entry.shape);
  return nullptr;
}

}  // namespace rsg::trainer
