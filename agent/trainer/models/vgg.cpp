#include "agent/trainer/models/vgg.hpp"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include <optional>
#include <vector>

#include "agent/trainer/models/blocks.hpp"

namespace rsg::trainer {
namespace {

constexpr std::array<std::int64_t, 5> kWidths{64, 128, 256, 512, 512};
constexpr std::int64_t kHeadWidth = 4096;
constexpr std::int64_t kHeadKernel = 7;

/// Convolution, norm where the variant has one, activation.
class Layer {
 public:
  /// Adds its tensors below `features` at `*index`, and moves that on by the modules that timm counts.
  Layer(const Scope& features, std::int64_t* index, std::int64_t in, std::int64_t out, bool norm)
      : conv_(features / (*index)++, {.in = in, .out = out, .kernel = 3, .padding = 1, .bias = true}) {
    if (norm) norm_.emplace(features / (*index)++, out);
    ++*index;  // the activation
  }

  at::Tensor operator()(const at::Tensor& x) const {
    at::Tensor y = conv_(x);
    if (norm_) y = (*norm_)(y);
    return at::relu_(y);
  }

 private:
  Conv2d conv_;
  std::optional<BatchNorm2d> norm_;
};

class Vgg final : public Model {
 public:
  Vgg(const VggShape& shape, const TensorStyle& style)
      : Model(style),
        stages_(MakeStages(shape)),
        fc1_(Root() / "pre_logits" / "fc1",
             {.in = kWidths.back(), .out = kHeadWidth, .kernel = kHeadKernel, .bias = true}),
        fc2_(Root() / "pre_logits" / "fc2", {.in = kHeadWidth, .out = kHeadWidth, .bias = true}),
        fc_(Root() / "head" / "fc", kHeadWidth, kClasses, LinearStart::kNormal) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = images;
    for (const std::vector<Layer>& stage : stages_) {
      for (const Layer& layer : stage) x = layer(x);
      x = at::max_pool2d(x, 2, 2);
    }
    if (x.size(2) < kHeadKernel) x = at::adaptive_avg_pool2d(x, {kHeadKernel, kHeadKernel});
    x = fc1_(x);
    at::relu_(x);
    x = fc2_(x);
    at::relu_(x);
    return fc_(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }

 private:
  std::vector<std::vector<Layer>> MakeStages(const VggShape& shape) {
    std::vector<std::vector<Layer>> stages(kWidths.size());
    const Scope features = Root() / "features";
    std::int64_t index = 0;
    std::int64_t in = 3;
    for (std::size_t stage = 0; stage < kWidths.size(); ++stage) {
      for (int i = 0; i < shape.depths[stage]; ++i) {
        stages[stage].emplace_back(features, &index, in, kWidths[stage], shape.norm);
        in = kWidths[stage];
      }
      ++index;  // the pooling
    }
    return stages;
  }

  std::vector<std::vector<Layer>> stages_;
  Conv2d fc1_;
  Conv2d fc2_;
  Linear fc_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const VggShape& shape, const ModelOptions& options) {
  return std::make_unique<Vgg>(shape, options.style);
}

}  // namespace rsg::trainer
