#include "agent/trainer/models/swin.hpp"

#include <ATen/core/List.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "agent/trainer/models/regularise.hpp"
#include "agent/trainer/models/tokens.hpp"

namespace rsg::trainer {
namespace {

constexpr std::int64_t kPatch = 4;
constexpr std::int64_t kExpansion = 4;  // of the tokens' width in an Mlp
constexpr double kNormEps = 1e-5;       // torch.nn.LayerNorm's default, not that of timm's own

/// What a block needs to know of its place in the network.
struct BlockPlace {
  std::int64_t width;
  std::int64_t heads;
  std::int64_t side;    ///< of the feature map, in tokens
  std::int64_t window;  ///< never more than `side`
  std::int64_t shift;   ///< 0: none
  double drop_path;

  /// Tokens by which a feature map is short of whole windows.
  std::int64_t Missing() const { return (window - side % window) % window; }
};

/// A window larger than the feature map shrinks to it and is not shifted.
BlockPlace PlaceOf(const SwinShape& shape, std::size_t stage, int index, std::int64_t side, double drop_path) {
  const std::int64_t window = shape.windows[stage];
  return {.width = shape.width << stage,
          .heads = shape.heads << stage,
          .side = side,
          .window = std::min(window, side),
          .shift = index % 2 == 1 && side > window ? window / 2 : 0,
          .drop_path = drop_path};
}

/// [B, H, W, C] in windows of w: [B * windows, w^2, C].
at::Tensor Partition(const at::Tensor& x, std::int64_t w) {
  return x.view({x.size(0), x.size(1) / w, w, x.size(2) / w, w, x.size(3)})
      .permute({0, 1, 3, 2, 4, 5})
      .contiguous()
      .view({-1, w * w, x.size(3)});
}

/// Undoes Partition of feature maps of `side` tokens.
at::Tensor Assemble(const at::Tensor& windows, std::int64_t w, std::int64_t side) {
  const std::int64_t channels = windows.size(-1);
  return windows.view({-1, side / w, side / w, w, w, channels})
      .permute({0, 1, 3, 2, 4, 5})
      .contiguous()
      .view({-1, side, side, channels});
}

/// Differences in row and column that two tokens of a window can have.
std::int64_t TableSize(std::int64_t w) { return (2 * w - 1) * (2 * w - 1); }

/// Where in the table of biases two tokens of a window find theirs: [w^2, w^2], by their difference in row and column.
at::Tensor RelativePositions(std::int64_t w) {
  at::Tensor positions = at::empty({w * w, w * w}, at::TensorOptions().dtype(at::kLong));
  std::int64_t* next = positions.data_ptr<std::int64_t>();
  for (std::int64_t a = 0; a < w * w; ++a)
    for (std::int64_t b = 0; b < w * w; ++b) *next++ = (a / w - b / w + w - 1) * (2 * w - 1) + (a % w - b % w + w - 1);
  return positions;
}

/// [windows, w^2, w^2]: keeps tokens apart that a shift has brought together in a window from opposite sides.
at::Tensor ShiftMask(const BlockPlace& place) {
  constexpr double kApart = -100;
  const std::int64_t side = place.side + place.Missing();
  const std::int64_t bounds[] = {0, side - place.window, side - place.shift, side};
  at::Tensor regions = at::zeros({1, side, side, 1}, at::TensorOptions().dtype(at::kFloat));
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 3; ++column)
      regions.slice(1, bounds[row], bounds[row + 1])
          .slice(2, bounds[column], bounds[column + 1])
          .fill_(3 * row + column);
  const at::Tensor windows = Partition(regions, place.window).squeeze(-1);
  return windows.unsqueeze(1).ne(windows.unsqueeze(2)).to(at::kFloat).mul(kApart);
}

/// Attention within windows, with a learned bias for every relative position. Written out, not fused: timm's default
/// for this model.
class WindowAttention {
 public:
  WindowAttention(const Scope& scope, const BlockPlace& place)
      : heads_(place.heads),
        scale_(std::pow(static_cast<double>(place.width / place.heads), -0.5)),
        table_(scope.Parameter("relative_position_bias_table",
                               TruncatedNormal(at::empty({TableSize(place.window), heads_}, scope.options())))),
        positions_(scope.Constant("relative_position_index", RelativePositions(place.window))),
        qkv_(scope / "qkv", place.width, 3 * place.width, LinearStart::kTruncated),
        proj_(scope / "proj", place.width, place.width, LinearStart::kTruncated) {}

  /// `x` is [B * windows, N, C]; `mask`, where defined, [windows, N, N].
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& mask) const {
    const std::int64_t n = x.size(1);
    const std::vector<at::Tensor> parts = SplitHeads(qkv_(x), heads_);
    at::Tensor weights = at::matmul(parts[0].mul(scale_), parts[1].transpose(-2, -1));
    weights = weights.add(Bias(n));
    if (mask.defined()) {
      weights = weights.view({-1, mask.size(0), heads_, n, n}).add(mask.unsqueeze(1).unsqueeze(0));
      weights = weights.view({-1, heads_, n, n});
    }
    return proj_(JoinHeads(at::matmul(at::softmax(weights, -1), parts[2])));
  }

 private:
  at::Tensor Bias(std::int64_t n) const {
    const at::Tensor each = at::index(table_, {std::optional<at::Tensor>(positions_.view(-1))});
    return each.view({n, n, -1}).permute({2, 0, 1}).contiguous().unsqueeze(0);
  }

  std::int64_t heads_;
  double scale_;
  at::Tensor table_;
  at::Tensor positions_;
  Linear qkv_;
  Linear proj_;
};

class SwinBlock {
 public:
  SwinBlock(const Scope& scope, const BlockPlace& place)
      : place_(place),
        mask_(place.shift > 0 ? scope.Constant("attn_mask", ShiftMask(place)) : at::Tensor()),
        norm1_(scope / "norm1", place.width, kNormEps),
        attention_(scope / "attn", place),
        norm2_(scope / "norm2", place.width, kNormEps),
        mlp_(scope / "mlp", place.width, kExpansion * place.width, LinearStart::kTruncated),
        drop_path_(place.drop_path) {}

  /// [B, H, W, C] to the same.
  at::Tensor operator()(const at::Tensor& x) const {
    at::Tensor y = x.add(drop_path_(Attend(norm1_(x))));
    y = y.reshape({x.size(0), -1, x.size(3)});
    y = y.add(drop_path_(mlp_(norm2_(y))));
    return y.reshape(x.sizes());
  }

 private:
  // Rolls first and pads after; pads by nothing, which copies, as timm does.
  at::Tensor Attend(at::Tensor x) const {
    const std::int64_t shift = place_.shift;
    const std::int64_t missing = place_.Missing();
    if (shift > 0) x = at::roll(x, {-shift, -shift}, {1, 2});
    x = at::constant_pad_nd(x, {0, 0, 0, missing, 0, missing});
    x = Assemble(attention_(Partition(x, place_.window), mask_), place_.window, place_.side + missing);
    if (missing > 0) x = x.slice(1, 0, place_.side).slice(2, 0, place_.side).contiguous();
    return shift > 0 ? at::roll(x, {shift, shift}, {1, 2}) : x;
  }

  BlockPlace place_;
  at::Tensor mask_;
  LayerNorm norm1_;
  WindowAttention attention_;
  LayerNorm norm2_;
  Mlp mlp_;
  DropPath drop_path_;
};

/// Makes one token of 2 x 2 and doubles its width: [B, H, W, C] to [B, H / 2, W / 2, 2 C], rounded up.
class PatchMerging {
 public:
  PatchMerging(const Scope& scope, std::int64_t in)
      : norm_(scope / "norm", 4 * in, kNormEps),
        reduction_(scope / "reduction", 4 * in, 2 * in, LinearStart::kTruncated, /*bias=*/false) {}

  at::Tensor operator()(const at::Tensor& x) const {
    const at::Tensor even = at::constant_pad_nd(x, {0, 0, 0, x.size(2) % 2, 0, x.size(1) % 2});
    const at::Tensor merged = even.reshape({even.size(0), even.size(1) / 2, 2, even.size(2) / 2, 2, even.size(3)})
                                  .permute({0, 1, 3, 4, 2, 5})
                                  .flatten(3);
    return reduction_(norm_(merged));
  }

 private:
  LayerNorm norm_;
  Linear reduction_;
};

struct Stage {
  std::optional<PatchMerging> downsample;
  std::vector<SwinBlock> blocks;
};

class Swin final : public Model {
 public:
  Swin(const SwinShape& shape, const ModelOptions& options)
      : Model(options.style),
        patches_(Root() / "patch_embed", kPatch, shape.width, ConvStart::kUniform),
        patch_norm_(Root() / "patch_embed" / "norm", shape.width, kNormEps),
        stages_(MakeStages(shape, options)),
        norm_(Root() / "norm", LastWidth(shape), kNormEps),
        fc_(Root() / "head" / "fc", LastWidth(shape), kClasses, LinearStart::kTruncated) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = patch_norm_(patches_(images).permute({0, 2, 3, 1}));
    for (const Stage& stage : stages_) {
      if (stage.downsample) x = (*stage.downsample)(x);
      for (const SwinBlock& block : stage.blocks) x = block(x);
    }
    return fc_(norm_(x).mean({1, 2}));
  }

 private:
  static std::int64_t LastWidth(const SwinShape& shape) { return shape.width << (shape.depths.size() - 1); }

  std::vector<Stage> MakeStages(const SwinShape& shape, const ModelOptions& options) {
    std::int64_t blocks = 0;
    for (const int depth : shape.depths) blocks += depth;
    const std::vector<double> rates = DropPathRates(options.regularise ? shape.drop_path : 0, blocks);
    auto rate = rates.begin();
    std::int64_t side = options.image_size / kPatch;
    std::vector<Stage> stages(shape.depths.size());
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const Scope scope = Root() / "layers" / static_cast<std::int64_t>(i);
      if (i > 0) {
        stages[i].downsample.emplace(scope / "downsample", shape.width << (i - 1));
        side = (side + 1) / 2;
      }
      for (int block = 0; block < shape.depths[i]; ++block)
        stages[i].blocks.emplace_back(scope / "blocks" / block, PlaceOf(shape, i, block, side, *rate++));
    }
    return stages;
  }

  PatchEmbedding patches_;
  LayerNorm patch_norm_;
  std::vector<Stage> stages_;
  LayerNorm norm_;
  Linear fc_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const SwinShape& shape, const ModelOptions& options) {
  return std::make_unique<Swin>(shape, options);
}

}  // namespace rsg::trainer
