#include "agent/trainer/models/blocks.hpp"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace rsg::trainer {
namespace {

constexpr double kNormEps = 1e-5;
constexpr double kNormMomentum = 0.1;

std::int64_t Fan(const ConvShape& shape) {
  const std::int64_t area = shape.kernel * shape.kernel;
  switch (shape.start) {
    case ConvStart::kFanOut:
      return shape.out * area;
    case ConvStart::kFanOutOfGroup:
      return shape.out / shape.groups * area;
    case ConvStart::kFanIn:
      return shape.in / shape.groups * area;
  }
  return 1;
}

}  // namespace

Conv2d::Conv2d(const Scope& scope, const ConvShape& shape) : shape_(shape) {
  const double deviation = std::sqrt(2.0 / static_cast<double>(Fan(shape)));
  at::Tensor initial = at::empty({shape.out, shape.in / shape.groups, shape.kernel, shape.kernel}, scope.options());
  weight_ = scope.Parameter("weight", initial.normal_(0, deviation));
  if (shape.bias) bias_ = scope.Parameter("bias", at::zeros({shape.out}, scope.options()));
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

Linear::Linear(const Scope& scope, std::int64_t in, std::int64_t out, LinearStart start) {
  constexpr double kDeviation = 0.01;
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  at::Tensor weight = at::empty({out, in}, scope.options());
  at::Tensor bias = at::zeros({out}, scope.options());
  if (start == LinearStart::kNormal) {
    weight.normal_(0, kDeviation);
  } else {
    weight.uniform_(-bound, bound);
  }
  if (start == LinearStart::kUniform) bias.uniform_(-bound, bound);
  weight_ = scope.Parameter("weight", weight);
  bias_ = scope.Parameter("bias", bias);
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

}  // namespace rsg::trainer
