// The building blocks that models share: each owns handles of its tensors, adds them at a Scope in PyTorch's order, and
// computes in train mode. Images are [B, C, H, W].
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/trainer/models/weights.hpp"

namespace rsg::trainer {

/// Fills `weight` as timm's trunc_normal_(std=0.02) does: normal, cut at +-2, which is not at 2 standard deviations.
at::Tensor TruncatedNormal(at::Tensor weight);

/// How the weights of a convolution start: normal with variance 2 / fan (He et al. 2015, eq. 14), where a fan is named.
enum class ConvStart {
  kFanOut,         ///< out * kernel^2, whatever the groups: kaiming_normal_(mode="fan_out", nonlinearity="relu")
  kFanOutOfGroup,  ///< out / groups * kernel^2
  kFanIn,          ///< in / groups * kernel^2: kaiming_normal_()
  kTruncated,      ///< TruncatedNormal
  kUniform,        ///< weight and bias uniform within 1 / sqrt(fan in): torch.nn.Conv2d's default
  kLecun,          ///< timm's lecun_normal_(): variance 1 / fan in, cut at 2 standard deviations
};

struct ConvShape {
  std::int64_t in;
  std::int64_t out;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t groups = 1;
  bool bias = false;  ///< starts at 0, but for kUniform
  ConvStart start = ConvStart::kFanOut;
};

/// torch.nn.Conv2d.
class Conv2d {
 public:
  Conv2d(const Scope& scope, const ConvShape& shape);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  ConvShape shape_;
  at::Tensor weight_;
  std::optional<at::Tensor> bias_;
};

/// torch.nn.BatchNorm2d: eps 1e-5, momentum 0.1, batch statistics; running ones are kept up to date.
class BatchNorm2d {
 public:
  /// `gamma` is the scale's initial value; 0 makes a residual branch start as nothing (Goyal et al. 2017, 5.1).
  BatchNorm2d(const Scope& scope, std::int64_t channels, double gamma = 1);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  at::Tensor running_mean_;
  at::Tensor running_var_;
};

enum class LinearStart {
  kUniform,    ///< weight and bias uniform within 1 / sqrt(in): torch.nn.Linear's default
  kZeroBias,   ///< weight as by default, bias 0
  kNormal,     ///< weight normal with standard deviation 0.01, bias 0
  kFanOut,     ///< weight uniform within 1 / sqrt(out), bias 0
  kTruncated,  ///< weight TruncatedNormal, bias 0
  kXavier,     ///< weight uniform within sqrt(6 / (in + out)), bias normal with standard deviation 1e-6
  kZero,       ///< weight and bias 0
};

/// torch.nn.Linear.
class Linear {
 public:
  Linear(const Scope& scope, std::int64_t in, std::int64_t out, LinearStart start = LinearStart::kUniform,
         bool bias = true);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_;
  std::optional<at::Tensor> bias_;
};

/// timm's LayerNorm: over the last dimension.
class LayerNorm {
 public:
  LayerNorm(const Scope& scope, std::int64_t channels, double eps = 1e-6);
  at::Tensor operator()(const at::Tensor& x) const;
  /// timm's LayerNorm2d: over the channels of images.
  at::Tensor OverChannels(const at::Tensor& x) const;

 private:
  double eps_;
  at::Tensor weight_;
  at::Tensor bias_;
};

enum class Activation { kRelu, kRelu6, kSilu, kHardSwish };

/// In place, as timm's CNNs apply theirs.
void Activate(Activation activation, at::Tensor& x);

struct SqueezeShape {
  std::int64_t channels;
  std::int64_t squeezed;  ///< channels between the two convolutions
  Activation activation = Activation::kRelu;
  bool hard_gate = false;          ///< hard sigmoid instead of sigmoid
  std::string_view first = "fc1";  ///< the convolutions' names
  std::string_view second = "fc2";
};

/// Squeeze-and-excitation (Hu et al. 2018): scales each channel by a gate in [0, 1], which two 1x1 convolutions compute
/// of all channels' means.
class SqueezeExcitation {
 public:
  SqueezeExcitation(const Scope& scope, const SqueezeShape& shape);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  Conv2d first_;
  Conv2d second_;
  Activation activation_;
  bool hard_gate_;
};

}  // namespace rsg::trainer
