// The building blocks of models that take an image for a sequence of tokens.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "agent/trainer/models/blocks.hpp"
#include "agent/trainer/models/weights.hpp"

namespace rsg::trainer {

/// Cuts images [B, 3, S, S] into squares of `patch` pixels and gives each `width` numbers: [B, width, S / patch,
/// S / patch].
class PatchEmbedding {
 public:
  PatchEmbedding(const Scope& scope, std::int64_t patch, std::int64_t width, ConvStart start)
      : proj_(scope / "proj", {.in = 3, .out = width, .kernel = patch, .stride = patch, .bias = true, .start = start}) {
  }
  at::Tensor operator()(const at::Tensor& images) const { return proj_(images); }
  /// The same as tokens [B, (S / patch)^2, width].
  at::Tensor Tokens(const at::Tensor& images) const { return proj_(images).flatten(2).transpose(1, 2); }

 private:
  Conv2d proj_;
};

/// Two linear layers with GELU between them, over the last dimension.
class Mlp {
 public:
  Mlp(const Scope& scope, std::int64_t width, std::int64_t hidden, LinearStart start)
      : fc1_(scope / "fc1", width, hidden, start), fc2_(scope / "fc2", hidden, width, start) {}
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  Linear fc1_;
  Linear fc2_;
};

/// Queries, keys and values of `heads` heads: three tensors [B, heads, N, C / heads] of one [B, N, 3 C].
std::vector<at::Tensor> SplitHeads(const at::Tensor& qkv, std::int64_t heads);

/// Values [B, heads, N, C / heads] side by side: [B, N, C].
at::Tensor JoinHeads(const at::Tensor& values);

}  // namespace rsg::trainer
