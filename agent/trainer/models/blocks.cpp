#include "agent/trainer/models/blocks.hpp"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/hardsigmoid.h>
#include <ATen/ops/hardswish.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <numbers>

namespace rsg::trainer {
namespace {

constexpr double kNormEps = 1e-5;
constexpr double kNormMomentum = 0.1;

// By inversion, operation for operation timm's trunc_normal_tf_(): uniform between the standard normal distribution's
// values at the cut, and clamped there, for rounding.
at::Tensor LecunNormal(const at::Tensor& weight) {
  constexpr double kCut = 2;
  constexpr double kDeviationOfCut = 0.87962566103423978;  // of a standard normal distribution cut at +-2
  const double within = std::erf(kCut / std::numbers::sqrt2);
  const double fan_in = static_cast<double>(weight.numel() / weight.size(0));
  weight.uniform_(-within, within).erfinv_().mul_(std::numbers::sqrt2).clamp_(-kCut, kCut);
  return weight.mul_(std::sqrt(1 / fan_in) / kDeviationOfCut);
}

double Bound(const ConvShape& shape) {
  return 1 / std::sqrt(static_cast<double>(shape.in / shape.groups * shape.kernel * shape.kernel));
}

at::Tensor Started(const ConvShape& shape, at::Tensor weight) {
  std::int64_t fan = shape.kernel * shape.kernel;
  switch (shape.start) {
    case ConvStart::kFanOut:
      fan *= shape.out;
      break;
    case ConvStart::kFanOutOfGroup:
      fan *= shape.out / shape.groups;
      break;
    case ConvStart::kFanIn:
      fan *= shape.in / shape.groups;
      break;
    case ConvStart::kTruncated:
      return TruncatedNormal(weight);
    case ConvStart::kUniform:
      return weight.uniform_(-Bound(shape), Bound(shape));
    case ConvStart::kLecun:
      return LecunNormal(weight);
  }
  return weight.normal_(0, std::sqrt(2.0 / static_cast<double>(fan)));
}

}  // namespace

// By inversion, operation for operation timm's: where float32 draws exactly -1, the value is the cut.
at::Tensor TruncatedNormal(at::Tensor weight) {
  constexpr double kDeviation = 0.02;
  constexpr double kCut = 2;
  return weight.uniform_(-1, 1).erfinv_().mul_(kDeviation * std::numbers::sqrt2).clamp_(-kCut, kCut);
}

Conv2d::Conv2d(const Scope& scope, const ConvShape& shape) : shape_(shape) {
  const at::Tensor weight =
      at::empty({shape.out, shape.in / shape.groups, shape.kernel, shape.kernel}, scope.options());
  weight_ = scope.Parameter("weight", Started(shape, weight));
  if (!shape.bias) return;
  const at::Tensor bias = at::zeros({shape.out}, scope.options());
  if (shape.start == ConvStart::kUniform) bias.uniform_(-Bound(shape), Bound(shape));
  bias_ = scope.Parameter("bias", bias);
}

at::Tensor Conv2d::operator()(const at::Tensor& x) const {
  return at::conv2d(x, weight_, bias_, shape_.stride, shape_.padding, 1, shape_.groups);
}

BatchNorm2d::BatchNorm2d(const Scope& scope, std::int64_t channels, double gamma) {
  weight_ = scope.Parameter("weight", at::full({channels}, gamma, scope.options()));
  bias_ = scope.Parameter("bias", at::zeros({channels}, scope.options()));
  running_mean_ = scope.Buffer("running_mean", at::zeros({channels}, scope.options()));
  running_var_ = scope.Buffer("running_var", at::full({channels}, 1.0, scope.options()));
  scope.BatchCounter("num_batches_tracked");
}

at::Tensor BatchNorm2d::operator()(const at::Tensor& x) const {
  constexpr bool kTraining = true;
  constexpr bool kUseCudnn = true;
  return at::batch_norm(x, weight_, bias_, running_mean_, running_var_, kTraining, kNormMomentum, kNormEps, kUseCudnn);
}

Linear::Linear(const Scope& scope, std::int64_t in, std::int64_t out, LinearStart start, bool bias) {
  constexpr double kDeviation = 0.01;
  constexpr double kBiasDeviation = 1e-6;
  const auto width = [](std::int64_t features) { return std::sqrt(static_cast<double>(features)); };
  const at::Tensor weight = at::zeros({out, in}, scope.options());
  const at::Tensor offset = at::zeros({out}, scope.options());
  switch (start) {
    case LinearStart::kUniform:
      offset.uniform_(-1 / width(in), 1 / width(in));
      [[fallthrough]];
    case LinearStart::kZeroBias:
      weight.uniform_(-1 / width(in), 1 / width(in));
      break;
    case LinearStart::kNormal:
      weight.normal_(0, kDeviation);
      break;
    case LinearStart::kFanOut:
      weight.uniform_(-1 / width(out), 1 / width(out));
      break;
    case LinearStart::kTruncated:
      TruncatedNormal(weight);
      break;
    case LinearStart::kXavier:
      weight.uniform_(-std::sqrt(6.0) / width(in + out), std::sqrt(6.0) / width(in + out));
      offset.normal_(0, kBiasDeviation);
      break;
    case LinearStart::kZero:
      break;
  }
  weight_ = scope.Parameter("weight", weight);
  if (bias) bias_ = scope.Parameter("bias", offset);
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

LayerNorm::LayerNorm(const Scope& scope, std::int64_t channels, double eps)
    : eps_(eps),
      weight_(scope.Parameter("weight", at::full({channels}, 1.0, scope.options()))),
      bias_(scope.Parameter("bias", at::zeros({channels}, scope.options()))) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight_.sizes(), weight_, bias_, eps_);
}

at::Tensor LayerNorm::OverChannels(const at::Tensor& x) const {
  return (*this)(x.permute({0, 2, 3, 1})).permute({0, 3, 1, 2});
}

void Activate(Activation activation, at::Tensor& x) {
  switch (activation) {
    case Activation::kRelu:
      at::relu_(x);
      break;
    case Activation::kRelu6:
      at::relu6_(x);
      break;
    case Activation::kSilu:
      at::silu_(x);
      break;
    case Activation::kHardSwish:
      at::hardswish_(x);
      break;
  }
}

SqueezeExcitation::SqueezeExcitation(const Scope& scope, const SqueezeShape& shape)
    : first_(scope / shape.first, {.in = shape.channels, .out = shape.squeezed, .bias = true}),
      second_(scope / shape.second, {.in = shape.squeezed, .out = shape.channels, .bias = true}),
      activation_(shape.activation),
      hard_gate_(shape.hard_gate) {}

at::Tensor SqueezeExcitation::operator()(const at::Tensor& x) const {
  at::Tensor y = first_(x.mean({2, 3}, /*keepdim=*/true));
  Activate(activation_, y);
  y = second_(y);
  return x.mul(hard_gate_ ? at::hardsigmoid(y) : at::sigmoid(y));
}

}  // namespace rsg::trainer
