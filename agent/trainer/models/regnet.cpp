#include "agent/trainer/models/regnet.hpp"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/relu.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/trainer/models/blocks.hpp"

namespace rsg::trainer {
namespace {

constexpr std::int64_t kStem = 32;
constexpr std::int64_t kSqueeze = 4;

/// "s1", "b2". By appending: GCC 12 warns of its own insertion where the string is this short.
std::string Numbered(char letter, std::size_t number) {
  std::string name(1, letter);
  name += std::to_string(number);
  return name;
}

/// What a block needs to know of its place in the network.
struct BlockPlace {
  std::int64_t in;
  std::int64_t out;
  std::int64_t stride;
};

/// Convolution and norm.
class ConvNorm {
 public:
  ConvNorm(const Scope& scope, const ConvShape& shape, double gamma = 1)
      : conv_(scope / "conv", shape), norm_(scope / "bn", shape.out, gamma) {}

  at::Tensor operator()(const at::Tensor& x) const { return norm_(conv_(x)); }
  at::Tensor WithRelu(const at::Tensor& x) const {
    at::Tensor y = (*this)(x);
    return at::relu_(y);
  }

 private:
  Conv2d conv_;
  BatchNorm2d norm_;
};

class Block {
 public:
  Block(const Scope& scope, const BlockPlace& place, const RegNetShape& shape)
      : conv1_(scope / "conv1", {.in = place.in, .out = place.out}),
        conv2_(scope / "conv2", {.in = place.out,
                                 .out = place.out,
                                 .kernel = 3,
                                 .stride = place.stride,
                                 .padding = 1,
                                 .groups = place.out / shape.group_width,
                                 .start = ConvStart::kFanOutOfGroup}),
        squeeze_(MakeSqueeze(scope, place, shape)),
        conv3_(scope / "conv3", {.in = place.out, .out = place.out}, 0),
        downsample_(MakeDownsample(scope, place)) {}

  at::Tensor operator()(const at::Tensor& x) const {
    at::Tensor y = conv2_.WithRelu(conv1_.WithRelu(x));
    if (squeeze_) y = (*squeeze_)(y);
    // Neither sum nor activation in place, as in timm.
    return at::relu(conv3_(y).add(downsample_ ? (*downsample_)(x) : x));
  }

 private:
  static std::optional<SqueezeExcitation> MakeSqueeze(const Scope& scope, const BlockPlace& place,
                                                      const RegNetShape& shape) {
    if (!shape.squeeze) return std::nullopt;
    return SqueezeExcitation(scope / "se", {.channels = place.out, .squeezed = place.in / kSqueeze});
  }

  static std::optional<ConvNorm> MakeDownsample(const Scope& scope, const BlockPlace& place) {
    if (place.stride == 1 && place.in == place.out) return std::nullopt;
    return ConvNorm(scope / "downsample", {.in = place.in, .out = place.out, .stride = place.stride});
  }

  ConvNorm conv1_;
  ConvNorm conv2_;
  std::optional<SqueezeExcitation> squeeze_;
  ConvNorm conv3_;
  std::optional<ConvNorm> downsample_;
};

class RegNet final : public Model {
 public:
  RegNet(const RegNetShape& shape, const TensorStyle& style)
      : Model(style),
        stem_(Root() / "stem", {.in = 3, .out = kStem, .kernel = 3, .stride = 2, .padding = 1}),
        blocks_(MakeStages(shape)),
        fc_(Root() / "head" / "fc", shape.widths.back(), kClasses, LinearStart::kNormal) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = stem_.WithRelu(images);
    for (const Block& block : blocks_) x = block(x);
    return fc_(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }

 private:
  std::vector<Block> MakeStages(const RegNetShape& shape) {
    std::vector<Block> blocks;
    std::int64_t in = kStem;
    for (std::size_t stage = 0; stage < shape.depths.size(); ++stage) {
      const Scope scope = Root() / Numbered('s', stage + 1);
      for (int i = 0; i < shape.depths[stage]; ++i) {
        const BlockPlace place{.in = in, .out = shape.widths[stage], .stride = i == 0 ? 2 : 1};
        blocks.emplace_back(scope / Numbered('b', static_cast<std::size_t>(i) + 1), place, shape);
        in = place.out;
      }
    }
    return blocks;
  }

  ConvNorm stem_;
  std::vector<Block> blocks_;
  Linear fc_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const RegNetShape& shape, const ModelOptions& options) {
  return std::make_unique<RegNet>(shape, options.style);
}

}  // namespace rsg::trainer
