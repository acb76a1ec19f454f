#include "agent/trainer/models/resnet.hpp"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include <optional>
#include <vector>

#include "agent/trainer/models/blocks.hpp"

namespace rsg::trainer {
namespace {

/// What a block needs to know of its place in the network.
struct BlockPlace {
  std::int64_t in;     ///< channels that come in
  std::int64_t width;  ///< the stage's channels before expansion: 64, 128, 256, 512
  std::int64_t stride;
};

class Block {
 public:
  virtual ~Block() = default;
  virtual at::Tensor operator()(const at::Tensor& x) const = 0;
};

/// Strided 1x1 convolution and norm, where the shortcut changes shape.
class Downsample {
 public:
  Downsample(const Scope& scope, const BlockPlace& place, std::int64_t out)
      : conv_(scope / 0, {.in = place.in, .out = out, .stride = place.stride}), norm_(scope / 1, out) {}
  at::Tensor operator()(const at::Tensor& x) const { return norm_(conv_(x)); }

 private:
  Conv2d conv_;
  BatchNorm2d norm_;
};

/// The residual sum and its activation, both in place as in timm.
at::Tensor Join(at::Tensor branch, const at::Tensor& x, const std::optional<Downsample>& downsample) {
  branch.add_(downsample ? (*downsample)(x) : x);
  return at::relu_(branch);
}

std::optional<Downsample> MakeDownsample(const Scope& scope, const BlockPlace& place, std::int64_t out) {
  if (place.stride == 1 && place.in == out) return std::nullopt;
  return Downsample(scope / "downsample", place, out);
}

class BasicBlock final : public Block {
 public:
  static constexpr std::int64_t kExpansion = 1;

  BasicBlock(const Scope& scope, const BlockPlace& place, const ResNetShape&)
      : conv1_(scope / "conv1",
               {.in = place.in, .out = place.width, .kernel = 3, .stride = place.stride, .padding = 1}),
        bn1_(scope / "bn1", place.width),
        conv2_(scope / "conv2", {.in = place.width, .out = place.width, .kernel = 3, .padding = 1}),
        bn2_(scope / "bn2", place.width, 0),
        downsample_(MakeDownsample(scope, place, place.width)) {}

  at::Tensor operator()(const at::Tensor& x) const override {
    at::Tensor y = bn1_(conv1_(x));
    at::relu_(y);
    return Join(bn2_(conv2_(y)), x, downsample_);
  }

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  std::optional<Downsample> downsample_;
};

class Bottleneck final : public Block {
 public:
  static constexpr std::int64_t kExpansion = 4;

  Bottleneck(const Scope& scope, const BlockPlace& place, const ResNetShape& shape)
      : Bottleneck(scope, place, place.width * shape.base_width / 64 * shape.groups, shape.groups) {}

  at::Tensor operator()(const at::Tensor& x) const override {
    at::Tensor y = bn1_(conv1_(x));
    at::relu_(y);
    y = bn2_(conv2_(y));
    at::relu_(y);
    return Join(bn3_(conv3_(y)), x, downsample_);
  }

 private:
  Bottleneck(const Scope& scope, const BlockPlace& place, std::int64_t inner, std::int64_t groups)
      : conv1_(scope / "conv1", {.in = place.in, .out = inner}),
        bn1_(scope / "bn1", inner),
        conv2_(scope / "conv2",
               {.in = inner, .out = inner, .kernel = 3, .stride = place.stride, .padding = 1, .groups = groups}),
        bn2_(scope / "bn2", inner),
        conv3_(scope / "conv3", {.in = inner, .out = place.width * kExpansion}),
        bn3_(scope / "bn3", place.width * kExpansion, 0),
        downsample_(MakeDownsample(scope, place, place.width * kExpansion)) {}

  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  Conv2d conv3_;
  BatchNorm2d bn3_;
  std::optional<Downsample> downsample_;
};

template <typename BlockType>
class ResNet final : public Model {
 public:
  ResNet(const ResNetShape& shape, const TensorStyle& style)
      : Model(style),
        conv1_(Root() / "conv1", {.in = 3, .out = kStem, .kernel = 7, .stride = 2, .padding = 3}),
        bn1_(Root() / "bn1", kStem),
        blocks_(MakeStages(shape)),
        fc_(Root() / "fc", kLastWidth * BlockType::kExpansion, kClasses) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = bn1_(conv1_(images));
    at::relu_(x);
    x = at::max_pool2d(x, 3, 2, 1);
    for (const auto& block : blocks_) x = (*block)(x);
    return fc_(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }

 private:
  static constexpr std::int64_t kStem = 64;
  static constexpr std::int64_t kLastWidth = kStem << 3;

  std::vector<std::unique_ptr<const Block>> MakeStages(const ResNetShape& shape) {
    std::vector<std::unique_ptr<const Block>> blocks;
    std::int64_t in = kStem;
    for (std::size_t stage = 0; stage < shape.depths.size(); ++stage) {
      const std::int64_t width = kStem << stage;
      const Scope scope = Root() / ("layer" + std::to_string(stage + 1));
      for (int i = 0; i < shape.depths[stage]; ++i) {
        const BlockPlace place{.in = in, .width = width, .stride = stage > 0 && i == 0 ? 2 : 1};
        blocks.push_back(std::make_unique<BlockType>(scope / i, place, shape));
        in = width * BlockType::kExpansion;
      }
    }
    return blocks;
  }

  Conv2d conv1_;
  BatchNorm2d bn1_;
  std::vector<std::unique_ptr<const Block>> blocks_;
  Linear fc_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const ResNetShape& shape, const ModelOptions& options) {
  if (shape.block == ResNetBlock::kBasic) return std::make_unique<ResNet<BasicBlock>>(shape, options.style);
  return std::make_unique<ResNet<Bottleneck>>(shape, options.style);
}

}  // namespace rsg::trainer
