#include "agent/trainer/models/efficientnet.hpp"

#include <ATen/ops/adaptive_avg_pool2d.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace rsg::trainer {
namespace {

/// timm's make_divisible: the nearest multiple of 8, which is at least 8 and does not fall short by more than 10 %.
std::int64_t RoundChannels(double channels) {
  constexpr std::int64_t kDivisor = 8;
  const auto rounded = static_cast<std::int64_t>(channels + kDivisor / 2.0) / kDivisor * kDivisor;
  const std::int64_t result = std::max(kDivisor, rounded);
  return static_cast<double>(result) < 0.9 * channels ? result + kDivisor : result;
}

struct Names {
  std::string_view conv;
  std::string_view norm;
};

/// Convolution, norm and, where there is one, the activation.
class ConvNorm {
 public:
  ConvNorm(const Scope& scope, const Names& names, ConvShape shape, std::optional<Activation> activation)
      : conv_(scope / names.conv, Started(shape)), norm_(scope / names.norm, shape.out), activation_(activation) {}

  at::Tensor operator()(const at::Tensor& x) const {
    at::Tensor y = norm_(conv_(x));
    if (activation_) Activate(*activation_, y);
    return y;
  }

 private:
  static ConvShape Started(ConvShape shape) {
    shape.padding = shape.kernel / 2;
    shape.start = ConvStart::kFanOutOfGroup;
    return shape;
  }

  Conv2d conv_;
  BatchNorm2d norm_;
  std::optional<Activation> activation_;
};

/// timm's InvertedResidual or, where a row does not expand, DepthwiseSeparableConv.
class Block {
 public:
  Block(const Scope& scope, const MobileRow& row, std::int64_t in, std::int64_t stride, MobileStyle style)
      : Block(scope, row, {.in = in, .out = row.out, .stride = stride}, Inside(row, in), style) {}

  at::Tensor operator()(const at::Tensor& x) const {
    at::Tensor y = depthwise_(expand_ ? (*expand_)(x) : x);
    if (squeeze_) y = (*squeeze_)(y);
    y = project_(y);
    return shortcut_ ? y.add(x) : y;
  }

 private:
  /// `place` has what comes in, what goes out and the stride.
  Block(const Scope& scope, const MobileRow& row, const ConvShape& place, std::int64_t inside, MobileStyle style)
      : expand_(row.expansion == 0 ? std::nullopt
                                   : std::optional<ConvNorm>(std::in_place, scope, Names{"conv_pw", "bn1"},
                                                             ConvShape{.in = place.in, .out = inside}, row.activation)),
        depthwise_(scope, Names{"conv_dw", expand_ ? "bn2" : "bn1"},
                   {.in = inside, .out = inside, .kernel = row.kernel, .stride = place.stride, .groups = inside},
                   row.activation),
        squeeze_(row.squeeze ? std::optional(SqueezeExcitation(scope / "se", Squeeze(row, place.in, inside, style)))
                             : std::nullopt),
        project_(scope, expand_ ? Names{"conv_pwl", "bn3"} : Names{"conv_pw", "bn2"}, {.in = inside, .out = row.out},
                 std::nullopt),
        shortcut_(place.stride == 1 && place.in == row.out) {}

  static std::int64_t Inside(const MobileRow& row, std::int64_t in) {
    return row.expansion == 0 ? in : RoundChannels(static_cast<double>(in) * row.expansion);
  }

  static SqueezeShape Squeeze(const MobileRow& row, std::int64_t in, std::int64_t inside, MobileStyle style) {
    SqueezeShape shape{.channels = inside, .squeezed = in / 4, .first = "conv_reduce", .second = "conv_expand"};
    if (style == MobileStyle::kMobileNetV3) {
      shape.squeezed = RoundChannels(static_cast<double>(inside) / 4);
      shape.hard_gate = true;
    } else {
      shape.activation = row.activation;
    }
    return shape;
  }

  std::optional<ConvNorm> expand_;
  ConvNorm depthwise_;
  std::optional<SqueezeExcitation> squeeze_;
  ConvNorm project_;
  bool shortcut_;
};

std::vector<Block> MakeBlocks(const Scope& scope, const EfficientNetShape& shape) {
  std::vector<Block> blocks;
  std::int64_t in = shape.stem;
  int stage = -1;
  int index = 0;
  for (const MobileRow& row : shape.rows) {
    if (row.stage != stage) index = 0;
    stage = row.stage;
    for (int i = 0; i < row.repeats; ++i) {
      blocks.emplace_back(scope / stage / index++, row, in, i == 0 ? row.stride : 1, shape.style);
      in = row.out;
    }
  }
  return blocks;
}

constexpr std::int64_t kFeatures = 1280;

/// Stem and blocks, which both styles share.
class Trunk {
 public:
  Trunk(const Scope& root, const EfficientNetShape& shape)
      : stem_(root, {"conv_stem", "bn1"}, {.in = 3, .out = shape.stem, .kernel = 3, .stride = 2}, shape.activation),
        blocks_(MakeBlocks(root / "blocks", shape)) {}

  at::Tensor operator()(const at::Tensor& images) const {
    at::Tensor x = stem_(images);
    for (const Block& block : blocks_) x = block(x);
    return x;
  }

 private:
  ConvNorm stem_;
  std::vector<Block> blocks_;
};

class EfficientNet final : public Model {
 public:
  EfficientNet(const EfficientNetShape& shape, const TensorStyle& style)
      : Model(style),
        trunk_(Root(), shape),
        head_(Root(), {"conv_head", "bn2"}, {.in = shape.rows.back().out, .out = kFeatures}, shape.activation),
        classifier_(Root() / "classifier", kFeatures, kClasses, LinearStart::kFanOut) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    return classifier_(at::adaptive_avg_pool2d(head_(trunk_(images)), {1, 1}).flatten(1));
  }

 private:
  Trunk trunk_;
  ConvNorm head_;
  Linear classifier_;
};

class MobileNetV3 final : public Model {
 public:
  MobileNetV3(const EfficientNetShape& shape, const TensorStyle& style)
      : Model(style),
        trunk_(Root(), shape),
        last_(MakeLast(shape)),
        head_(Root() / "conv_head", {.in = kExpansion * shape.rows.back().out,
                                     .out = kFeatures,
                                     .bias = true,
                                     .start = ConvStart::kFanOutOfGroup}),
        classifier_(Root() / "classifier", kFeatures, kClasses, LinearStart::kFanOut),
        activation_(shape.activation) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = head_(at::adaptive_avg_pool2d(last_(trunk_(images)), {1, 1}));
    Activate(activation_, x);
    return classifier_(x.flatten(1));
  }

 private:
  static constexpr std::int64_t kExpansion = 6;

  /// The 1x1 convolution that timm counts as the last stage.
  ConvNorm MakeLast(const EfficientNetShape& shape) {
    const MobileRow& row = shape.rows.back();
    return {Root() / "blocks" / (row.stage + 1) / 0,
            {"conv", "bn1"},
            {.in = row.out, .out = kExpansion * row.out},
            shape.activation};
  }

  Trunk trunk_;
  ConvNorm last_;
  Conv2d head_;
  Linear classifier_;
  Activation activation_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const EfficientNetShape& shape, const ModelOptions& options) {
  if (shape.style == MobileStyle::kMobileNetV3) return std::make_unique<MobileNetV3>(shape, options.style);
  return std::make_unique<EfficientNet>(shape, options.style);
}

}  // namespace rsg::trainer
