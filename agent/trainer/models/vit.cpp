#include "agent/trainer/models/vit.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <vector>

#include "agent/trainer/models/tokens.hpp"

namespace rsg::trainer {
namespace {

constexpr std::int64_t kPatch = 16;
constexpr std::int64_t kExpansion = 4;  // of the tokens' width in an Mlp

/// Fused: timm's default for this model.
class Attention {
 public:
  Attention(const Scope& scope, const VitShape& shape)
      : heads_(shape.heads),
        qkv_(scope / "qkv", shape.width, 3 * shape.width, LinearStart::kTruncated),
        proj_(scope / "proj", shape.width, shape.width, LinearStart::kTruncated) {}

  at::Tensor operator()(const at::Tensor& x) const {
    const std::vector<at::Tensor> parts = SplitHeads(qkv_(x), heads_);
    return proj_(JoinHeads(at::scaled_dot_product_attention(parts[0], parts[1], parts[2])));
  }

 private:
  std::int64_t heads_;
  Linear qkv_;
  Linear proj_;
};

class Block {
 public:
  Block(const Scope& scope, const VitShape& shape)
      : norm1_(scope / "norm1", shape.width),
        attention_(scope / "attn", shape),
        norm2_(scope / "norm2", shape.width),
        mlp_(scope / "mlp", shape.width, kExpansion * shape.width, LinearStart::kTruncated) {}

  at::Tensor operator()(const at::Tensor& x) const {
    const at::Tensor y = x.add(attention_(norm1_(x)));
    return y.add(mlp_(norm2_(y)));
  }

 private:
  LayerNorm norm1_;
  Attention attention_;
  LayerNorm norm2_;
  Mlp mlp_;
};

class Vit final : public Model {
 public:
  Vit(const VitShape& shape, const ModelOptions& options)
      : Model(options.style),
        class_token_(Root().Parameter("cls_token", Start({1, 1, shape.width}).normal_(0, kClassDeviation))),
        positions_(Root().Parameter("pos_embed", TruncatedNormal(Start({1, Tokens(options), shape.width})))),
        patches_(Root() / "patch_embed", kPatch, shape.width, ConvStart::kUniform),
        blocks_(MakeBlocks(shape)),
        norm_(Root() / "norm", shape.width),
        head_(Root() / "head", shape.width, kClasses, LinearStart::kTruncated) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    const at::Tensor class_token = class_token_.expand({images.size(0), -1, -1});
    at::Tensor x = at::cat({class_token, patches_.Tokens(images)}, 1).add(positions_);
    for (const Block& block : blocks_) x = block(x);
    return head_(norm_(x).select(1, 0));
  }

 private:
  static constexpr double kClassDeviation = 1e-6;

  at::Tensor Start(at::IntArrayRef shape) { return at::empty(shape, Root().options()); }

  static std::int64_t Tokens(const ModelOptions& options) {
    const std::int64_t side = options.image_size / kPatch;
    return side * side + 1;
  }

  std::vector<Block> MakeBlocks(const VitShape& shape) {
    std::vector<Block> blocks;
    for (int i = 0; i < shape.depth; ++i) blocks.emplace_back(Root() / "blocks" / i, shape);
    return blocks;
  }

  at::Tensor class_token_;
  at::Tensor positions_;
  PatchEmbedding patches_;
  std::vector<Block> blocks_;
  LayerNorm norm_;
  Linear head_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const VitShape& shape, const ModelOptions& options) {
  return std::make_unique<Vit>(shape, options);
}

}  // namespace rsg::trainer
