#include "agent/trainer/models/convnext.hpp"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>

#include <optional>
#include <vector>

#include "agent/trainer/models/blocks.hpp"

namespace rsg::trainer {
namespace {

/// Depthwise 7x7 convolution, norm, two linear layers, scale; added to what came in.
class Block {
 public:
  Block(const Scope& scope, std::int64_t width)
      : gamma_(scope.Parameter("gamma", at::full({width}, kLayerScale, scope.options().dtype(at::kFloat)))),
        conv_dw_(scope / "conv_dw", {.in = width,
                                     .out = width,
                                     .kernel = 7,
                                     .padding = 3,
                                     .groups = width,
                                     .bias = true,
                                     .start = ConvStart::kTruncated}),
        norm_(scope / "norm", width),
        fc1_(scope / "mlp" / "fc1", width, kExpansion * width, LinearStart::kTruncated),
        fc2_(scope / "mlp" / "fc2", kExpansion * width, width, LinearStart::kTruncated) {}

  at::Tensor operator()(const at::Tensor& x) const {
    const at::Tensor normed = norm_(conv_dw_(x).permute({0, 2, 3, 1}));
    const at::Tensor y = fc2_(at::gelu(fc1_(normed))).permute({0, 3, 1, 2});
    return y.mul(gamma_.reshape({1, -1, 1, 1})).add(x);
  }

 private:
  static constexpr std::int64_t kExpansion = 4;
  static constexpr double kLayerScale = 1e-6;

  at::Tensor gamma_;
  Conv2d conv_dw_;
  LayerNorm norm_;
  Linear fc1_;
  Linear fc2_;
};

/// Norm and 2x2 convolution, which halves the image.
class Downsample {
 public:
  Downsample(const Scope& scope, std::int64_t in, std::int64_t out)
      : norm_(scope / 0, in),
        conv_(scope / 1,
              {.in = in, .out = out, .kernel = 2, .stride = 2, .bias = true, .start = ConvStart::kTruncated}) {}
  at::Tensor operator()(const at::Tensor& x) const { return conv_(norm_.OverChannels(x)); }

 private:
  LayerNorm norm_;
  Conv2d conv_;
};

struct Stage {
  std::optional<Downsample> downsample;
  std::vector<Block> blocks;
};

class ConvNeXt final : public Model {
 public:
  ConvNeXt(const ConvNeXtShape& shape, const TensorStyle& style)
      : Model(style),
        stem_conv_(
            Root() / "stem" / 0,
            {.in = 3, .out = shape.widths[0], .kernel = 4, .stride = 4, .bias = true, .start = ConvStart::kTruncated}),
        stem_norm_(Root() / "stem" / 1, shape.widths[0]),
        stages_(MakeStages(shape)),
        norm_(Root() / "head" / "norm", shape.widths[3]),
        fc_(Root() / "head" / "fc", shape.widths[3], kClasses, LinearStart::kTruncated) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = stem_norm_.OverChannels(stem_conv_(images));
    for (const Stage& stage : stages_) {
      if (stage.downsample) x = (*stage.downsample)(x);
      for (const Block& block : stage.blocks) x = block(x);
    }
    return fc_(norm_.OverChannels(at::adaptive_avg_pool2d(x, {1, 1})).flatten(1));
  }

 private:
  std::vector<Stage> MakeStages(const ConvNeXtShape& shape) {
    std::vector<Stage> stages;
    for (std::size_t i = 0; i < shape.depths.size(); ++i) {
      const Scope scope = Root() / "stages" / static_cast<std::int64_t>(i);
      const std::int64_t width = shape.widths[i];
      Stage& stage = stages.emplace_back();
      if (i > 0) stage.downsample.emplace(scope / "downsample", shape.widths[i - 1], width);
      for (int block = 0; block < shape.depths[i]; ++block) stage.blocks.emplace_back(scope / "blocks" / block, width);
    }
    return stages;
  }

  Conv2d stem_conv_;
  LayerNorm stem_norm_;
  std::vector<Stage> stages_;
  LayerNorm norm_;
  Linear fc_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const ConvNeXtShape& shape, const ModelOptions& options) {
  return std::make_unique<ConvNeXt>(shape, options.style);
}

}  // namespace rsg::trainer
