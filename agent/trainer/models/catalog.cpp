// Which name builds what. One line a model; names and size rules for people stand in common/models.cpp.
#include <variant>

#include "agent/trainer/models/convnext.hpp"
#include "agent/trainer/models/model.hpp"
#include "agent/trainer/models/resnet.hpp"

namespace rsg::trainer {
namespace {

/// One alternative a family: its shape, which its MakeModel takes.
using Shape = std::variant<ResNetShape, ConvNeXtShape>;

struct Entry {
  std::string_view name;
  Shape shape;
};

constexpr Entry kEntries[] = {
    {"resnet18", ResNetShape{.block = ResNetBlock::kBasic, .depths = {2, 2, 2, 2}}},
    {"resnet50", ResNetShape{.block = ResNetBlock::kBottleneck, .depths = {3, 4, 6, 3}}},
    {"convnext_tiny", ConvNeXtShape{.depths = {3, 3, 9, 3}, .widths = {96, 192, 384, 768}}},
    {"convnext_base", ConvNeXtShape{.depths = {3, 3, 27, 3}, .widths = {128, 256, 512, 1024}}},
};

}  // namespace

std::unique_ptr<Model> BuildModel(std::string_view name, const ModelOptions& options) {
  for (const Entry& entry : kEntries)
    if (entry.name == name)
      return std::visit([&](const auto& shape) { return MakeModel(shape, options); }, entry.shape);
  return nullptr;
}

}  // namespace rsg::trainer
