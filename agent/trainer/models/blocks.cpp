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

}  // namespace

Conv2d::Conv2d(const Scope& scope, const ConvShape& shape) : shape_(shape) {
  const double deviation = std::sqrt(2.0 / static_cast<double>(shape.out * shape.kernel * shape.kernel));
  at::Tensor initial = at::empty({shape.out, shape.in / shape.groups, shape.kernel, shape.kernel}, scope.options());
  weight_ = scope.Parameter("weight", initial.normal_(0, deviation));
}

at::Tensor Conv2d::operator()(const at::Tensor& x) const {
  return at::conv2d(x, weight_, {}, shape_.stride, shape_.padding, 1, shape_.groups);
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

Linear::Linear(const Scope& scope, std::int64_t in, std::int64_t out) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight_ = scope.Parameter("weight", at::empty({out, in}, scope.options()).uniform_(-bound, bound));
  bias_ = scope.Parameter("bias", at::empty({out}, scope.options()).uniform_(-bound, bound));
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

}  // namespace rsg::trainer
