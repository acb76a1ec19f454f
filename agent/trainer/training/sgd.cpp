#include "agent/trainer/training/sgd.hpp"

#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace rsg::trainer {
namespace {

// Defaults of torch.amp.GradScaler.
constexpr double kInitialScale = 65536;
constexpr double kGrowth = 2;
constexpr double kBackoff = 0.5;
constexpr std::int64_t kGrowthInterval = 2000;

// The gradient of a parameter, with exactly its strides. Autograd grants equal strides only where a dimension is larger
// than 1, and CUDA's fused kernel refuses what differs in the others.
at::Tensor GradientOf(const at::Tensor& parameter) {
  const at::Tensor& gradient = parameter.grad();
  if (gradient.strides() == parameter.strides()) return gradient;
  return gradient.as_strided(parameter.sizes(), parameter.strides());
}

}  // namespace

GradScaler::GradScaler(at::Device device)
    : scale_(at::full({}, kInitialScale, at::TensorOptions().device(device).dtype(at::kFloat))),
      good_steps_(at::zeros({}, at::TensorOptions().device(device).dtype(at::kInt))),
      found_inf_(at::zeros({}, at::TensorOptions().device(device).dtype(at::kFloat))) {}

at::Tensor GradScaler::Scale(const at::Tensor& loss) const { return loss.mul(scale_); }

void GradScaler::Unscale(at::TensorList gradients) {
  found_inf_.zero_();
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf_, scale_.reciprocal());
}

void GradScaler::Update() {
  at::_amp_update_scale_(scale_, good_steps_, found_inf_, kGrowth, kBackoff, kGrowthInterval);
}

SkippedSteps GradScaler::Skipped() const {
  const double scale = scale_.item().toDouble();
  // Below its smallest positive number, 2^-149, a float is 0.
  const double halvings = scale > 0 ? std::log2(kInitialScale / scale) : std::log2(kInitialScale) + 150;
  return {.at_least = static_cast<std::uint64_t>(std::max(halvings, 0.0)), .newest = found_inf_.item().toDouble() != 0};
}

const char* NameOf(SgdKernels kernels) {
  switch (kernels) {
    case SgdKernels::kForeach:
      return "sgd (foreach)";
    case SgdKernels::kForLoop:
      return "sgd (for loop)";
    case SgdKernels::kFused:
      break;
  }
  return "sgd (fused)";
}

Sgd::Sgd(const std::vector<NamedTensor>& parameters, const SgdOptions& options, SgdKernels kernels)
    : options_(options), kernels_(kernels) {
  for (const NamedTensor& parameter : parameters) parameters_.push_back(parameter.tensor);
  stepped_.reserve(parameters_.size());
  gradients_.reserve(parameters_.size());
}

void Sgd::ZeroGrad() {
  for (const at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

void Sgd::Step(GradScaler* scaler) {
  if (scaler != nullptr && kernels_ != SgdKernels::kFused)
    throw std::logic_error("a gradient scaler needs the fused optimiser");
  const c10::NoGradGuard no_grad;
  if (kernels_ == SgdKernels::kForLoop) {
    for (const at::Tensor& parameter : parameters_)
      if (parameter.grad().defined())
        parameter.add_(parameter.grad().add(parameter, options_.weight_decay), -options_.learning_rate);
    return;
  }
  for (const at::Tensor& parameter : parameters_) {
    if (!parameter.grad().defined()) continue;
    stepped_.push_back(parameter);
    gradients_.push_back(GradientOf(parameter));
  }
  if (kernels_ == SgdKernels::kFused) {
    StepFused(scaler);
  } else {
    const auto decayed = at::_foreach_add(gradients_, stepped_, options_.weight_decay);
    at::_foreach_add_(stepped_, decayed, -options_.learning_rate);
  }
  stepped_.clear();
  gradients_.clear();
}

void Sgd::StepFused(GradScaler* scaler) {
  constexpr double kMomentum = 0;
  constexpr double kDampening = 0;
  std::optional<at::Tensor> found_inf;
  if (scaler != nullptr) {
    scaler->Unscale(gradients_);
    found_inf = scaler->found_inf();
  }
  at::_fused_sgd_(stepped_, gradients_, {}, options_.weight_decay, kMomentum, options_.learning_rate, kDampening,
                  /*nesterov=*/false, /*maximize=*/false, /*is_first_step=*/false, /*grad_scale=*/std::nullopt,
                  found_inf);
  if (scaler != nullptr) scaler->Update();
}

}  // namespace rsg::trainer
