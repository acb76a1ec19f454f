#include "agent/trainer/models/mixer.hpp"

#include <vector>

#include "agent/trainer/models/tokens.hpp"

namespace rsg::trainer {
namespace {

constexpr std::int64_t kPatch = 16;

/// Mixes tokens channel by channel, then channels token by token.
class Block {
 public:
  Block(const Scope& scope, std::int64_t tokens, std::int64_t width)
      : norm1_(scope / "norm1", width),
        tokens_(scope / "mlp_tokens", tokens, width / 2, LinearStart::kXavier),
        norm2_(scope / "norm2", width),
        channels_(scope / "mlp_channels", width, 4 * width, LinearStart::kXavier) {}

  at::Tensor operator()(const at::Tensor& x) const {
    const at::Tensor y = x.add(tokens_(norm1_(x).transpose(1, 2)).transpose(1, 2));
    return y.add(channels_(norm2_(y)));
  }

 private:
  LayerNorm norm1_;
  Mlp tokens_;
  LayerNorm norm2_;
  Mlp channels_;
};

class Mixer final : public Model {
 public:
  Mixer(const MixerShape& shape, const ModelOptions& options)
      : Model(options.style),
        patches_(Root() / "stem", kPatch, shape.width, ConvStart::kLecun),
        blocks_(MakeBlocks(shape, options.image_size / kPatch)),
        norm_(Root() / "norm", shape.width),
        head_(Root() / "head", shape.width, kClasses, LinearStart::kZero) {}

 protected:
  at::Tensor Compute(const at::Tensor& images) const override {
    at::Tensor x = patches_.Tokens(images);
    for (const Block& block : blocks_) x = block(x);
    return head_(norm_(x).mean(1));
  }

 private:
  std::vector<Block> MakeBlocks(const MixerShape& shape, std::int64_t side) {
    std::vector<Block> blocks;
    for (int i = 0; i < shape.depth; ++i) blocks.emplace_back(Root() / "blocks" / i, side * side, shape.width);
    return blocks;
  }

  PatchEmbedding patches_;
  std::vector<Block> blocks_;
  LayerNorm norm_;
  Linear head_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const MixerShape& shape, const ModelOptions& options) {
  return std::make_unique<Mixer>(shape, options);
}

}  // namespace rsg::trainer
