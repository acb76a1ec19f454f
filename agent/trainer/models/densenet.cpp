#include "agent/trainer/models/densenet.hpp"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/trainer/models/blocks.hpp"

namespace rsg::trainer {
namespace {

/// Channels between a layer's two convolutions, in multiples of what it adds.
constexpr std::int64_t kBottleneck = 4;

/// Norm, activation, convolution: DenseNet's order.
class NormConv {
 public:
  /// The tensors' names end in `suffix`: "norm1" and "conv1".
  NormConv(const Scope& scope, const std::string& suffix, const ConvShape& shape)
      : norm_(scope / ("norm" + suffix), shape.in), conv_(scope / ("conv" + suffix), shape) {}

  at::Tensor operator()(const at::Tensor& x) const {
    at::Tensor y = norm_(x);
    return conv_(at::relu_(y));
  }

 private:
  BatchNorm2d norm_;
  Conv2d conv_;
};

class DenseLayer {
 public:
  DenseLayer(const Scope& scope, std::int64_t in, std::int64_t growth)
      : first_(scope, "1", {.in = in, .out = kBottleneck * growth, .start = ConvStart::kFanIn}),
        second_(scope, "2",
                {.in = kBottleneck * growth, .out = growth, .kernel = 3, .padding = 1, .start = ConvStart::kFanIn}) {}

  /// The channels that it adds to all that came before.
  at::Tensor operator()(at::TensorList features) const { return second_(first_(at::cat(features, 1))); }

 private:
  NormConv first_;
  NormConv second_;
};

/// The layers of a dense block and the transition that halves channels and resolution after all blocks but the last.
class DenseBlock {
 public:
  DenseBlock(const Scope& features, std::size_t number, std::int64_t in, int depth, std::int64_t growth, bool last) {
    const Scope block = features / ("denseblock" + std::to_string(number));
    for (int i = 1; i <= depth; ++i, in += growth)
      layers_.emplace_back(block / ("denselayer" + std::to_string(i)), in, growth);
    out_ = last ? in : in / 2;
    if (!last)
      transition_.emplace(features / ("transition" + std::to_string(number)), "",
                          ConvShape{.in = in, .out = out_, .start = ConvStart::kFanIn});
  }

  at::Tensor operator()(const at::Tensor& x) const {
    std::vector<at::Tensor> features{x};
    for (const DenseLayer& layer : layers_) features.push_back(layer(features));
    const at::Tensor y = at::cat(features, 1);
    return transition_ ? at::avg_pool2d((*transition_)(y), 2, 2) : y;
  }

  /// Channels that come out.
  std::int64_t out() const { return out_; }

 private:
  std::vector<DenseLayer> layers_;
  std::optional<NormConv> transition_;
  std::int64_t out_ = 0;
};

class DenseNet final : public Model {
 public:
  DenseNet(const DenseNetShape& shape, const TensorStyle& style)
      : Model(style),
        conv_(Root() / "features" / "conv0",
              {.in = 3, .out = 2 * shape.growth, .kernel = 7, .stride = 2, .padding = 3, .start = ConvStart::kFanIn}),
        norm_(Root() / "features" / "norm0", 2 * shape.growth),
        blocks_(MakeBlocks(shape)),
        last_norm_(Root() / "features" / "norm5", blocks_.back().out()),
        classifier_(Root() / "classifier", blocks_.back().out(), kClasses, LinearStart::kZeroBias) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = norm_(conv_(images));
    at::relu_(x);
    x = at::max_pool2d(x, 3, 2, 1);
    for (const DenseBlock& block : blocks_) x = block(x);
    x = last_norm_(x);
    at::relu_(x);
    return classifier_(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }

 private:
  std::vector<DenseBlock> MakeBlocks(const DenseNetShape& shape) {
    std::vector<DenseBlock> blocks;
    std::int64_t in = 2 * shape.growth;
    for (std::size_t i = 0; i < shape.depths.size(); ++i) {
      const bool last = i + 1 == shape.depths.size();
      blocks.emplace_back(Root() / "features", i + 1, in, shape.depths[i], shape.growth, last);
      in = blocks.back().out();
    }
    return blocks;
  }

  Conv2d conv_;
  BatchNorm2d norm_;
  std::vector<DenseBlock> blocks_;
  BatchNorm2d last_norm_;
  Linear classifier_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const DenseNetShape& shape, const ModelOptions& options) {
  return std::make_unique<DenseNet>(shape, options.style);
}

}  // namespace rsg::trainer
