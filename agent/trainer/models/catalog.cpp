// Which name builds what. One line a model; names and size rules for people stand in common/models.cpp.
#include <variant>

#include "agent/trainer/models/convnext.hpp"
#include "agent/trainer/models/densenet.hpp"
#include "agent/trainer/models/efficientnet.hpp"
#include "agent/trainer/models/mixer.hpp"
#include "agent/trainer/models/model.hpp"
#include "agent/trainer/models/regnet.hpp"
#include "agent/trainer/models/resnet.hpp"
#include "agent/trainer/models/swin.hpp"
#include "agent/trainer/models/vgg.hpp"
#include "agent/trainer/models/vit.hpp"

namespace rsg::trainer {
namespace {

/// One alternative a family: its shape, which its MakeModel takes.
using Shape = std::variant<ResNetShape, VggShape, DenseNetShape, RegNetShape, ConvNeXtShape, EfficientNetShape,
                           SwinShape, VitShape, MixerShape>;

struct Entry {
  std::string_view name;
  Shape shape;
};

// Tables of the papers: stage, repeats, kernel, stride, expansion, channels, activation, squeeze.
constexpr MobileRow kMobileNetV2[] = {
    {0, 1, 3, 1, 0, 16, Activation::kRelu6},  {1, 2, 3, 2, 6, 24, Activation::kRelu6},
    {2, 3, 3, 2, 6, 32, Activation::kRelu6},  {3, 4, 3, 2, 6, 64, Activation::kRelu6},
    {4, 3, 3, 1, 6, 96, Activation::kRelu6},  {5, 3, 3, 2, 6, 160, Activation::kRelu6},
    {6, 1, 3, 1, 6, 320, Activation::kRelu6},
};
constexpr MobileRow kMobileNetV3Large[] = {
    {0, 1, 3, 1, 0, 16, Activation::kRelu},
    {1, 1, 3, 2, 4, 24, Activation::kRelu},
    {1, 1, 3, 1, 3, 24, Activation::kRelu},
    {2, 3, 5, 2, 3, 40, Activation::kRelu, true},
    {3, 1, 3, 2, 6, 80, Activation::kHardSwish},
    {3, 1, 3, 1, 2.5, 80, Activation::kHardSwish},
    {3, 2, 3, 1, 2.3, 80, Activation::kHardSwish},
    {4, 2, 3, 1, 6, 112, Activation::kHardSwish, true},
    {5, 3, 5, 2, 6, 160, Activation::kHardSwish, true},
};
constexpr MobileRow kEfficientNetB0[] = {
    {0, 1, 3, 1, 0, 16, Activation::kSilu, true},  {1, 2, 3, 2, 6, 24, Activation::kSilu, true},
    {2, 2, 5, 2, 6, 40, Activation::kSilu, true},  {3, 3, 3, 2, 6, 80, Activation::kSilu, true},
    {4, 3, 5, 1, 6, 112, Activation::kSilu, true}, {5, 4, 5, 2, 6, 192, Activation::kSilu, true},
    {6, 1, 3, 1, 6, 320, Activation::kSilu, true},
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
    {"convnext_tiny", ConvNeXtShape{.depths = {3, 3, 9, 3}, .widths = {96, 192, 384, 768}}},
    {"convnext_base", ConvNeXtShape{.depths = {3, 3, 27, 3}, .widths = {128, 256, 512, 1024}}},
    {"mobilenetv2_100", EfficientNetShape{.rows = kMobileNetV2, .stem = 32, .activation = Activation::kRelu6}},
    {"mobilenetv3_large_100",
     EfficientNetShape{.rows = kMobileNetV3Large,
                       .stem = 16,
                       .activation = Activation::kHardSwish,
                       .style = MobileStyle::kMobileNetV3}},
    {"efficientnet_b0", EfficientNetShape{.rows = kEfficientNetB0, .stem = 32, .activation = Activation::kSilu}},
    {"swin_s3_base_224", SwinShape{.width = 96, .depths = {2, 2, 30, 2}, .heads = 3, .windows = {7, 7, 14, 7}}},
    {"swin_tiny_patch4_window7_224",
     SwinShape{.width = 96, .depths = {2, 2, 6, 2}, .heads = 3, .windows = {7, 7, 7, 7}}},
    {"swin_small_patch4_window7_224",
     SwinShape{.width = 96, .depths = {2, 2, 18, 2}, .heads = 3, .windows = {7, 7, 7, 7}}},
    {"swin_base_patch4_window7_224",
     SwinShape{.width = 128, .depths = {2, 2, 18, 2}, .heads = 4, .windows = {7, 7, 7, 7}}},
    {"vit_small_patch16_224", VitShape{.width = 384, .depth = 12, .heads = 6}},
    {"vit_base_patch16_224", VitShape{.width = 768, .depth = 12, .heads = 12}},
    {"vit_large_patch16_224", VitShape{.width = 1024, .depth = 24, .heads = 16}},
    {"deit_base_patch16_224", VitShape{.width = 768, .depth = 12, .heads = 12}},
    {"mixer_b16_224", MixerShape{.width = 768, .depth = 12}},
};

}  // namespace

std::unique_ptr<Model> BuildModel(std::string_view name, const ModelOptions& options) {
  for (const Entry& entry : kEntries)
    if (entry.name == name)
      return std::visit([&](const auto& shape) { return MakeModel(shape, options); }, entry.shape);
  return nullptr;
}

}  // namespace rsg::trainer
