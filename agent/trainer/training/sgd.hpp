// Stochastic gradient descent and the loss scaling that goes with it, without a word from device to host.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "agent/trainer/models/weights.hpp"
#include "agent/trainer/training/training_step.hpp"

namespace rsg::trainer {

struct SgdOptions {
  double learning_rate = 1e-5;
  double weight_decay = 5e-5;
};

/// Keeps a loss in FP16's range: torch.amp.GradScaler's rule (start 65536, halved on overflow, doubled after 2000 good
/// steps), kept in tensors on the device. GradScaler asks the device each step whether to skip it; here the optimiser's
/// kernel reads `found_inf` itself, so the queue never drains.
class GradScaler {
 public:
  explicit GradScaler(at::Device device);
  at::Tensor Scale(const at::Tensor& loss) const;
  /// Divides the gradients by the scale, in place, and notes whether one of them was not finite.
  void Unscale(at::TensorList gradients);
  /// To be called after the optimiser's step.
  void Update();
  /// 1 when the newest gradients were not finite, else 0; one number on the device.
  const at::Tensor& found_inf() const { return found_inf_; }
  /// Told by the scale as it is now, so that nothing is counted while training. Waits for the device.
  SkippedSteps Skipped() const;

 private:
  at::Tensor scale_;
  at::Tensor good_steps_;
  at::Tensor found_inf_;
};

/// The kernels that torch.optim.SGD can use; they compute the same.
enum class SgdKernels {
  kFused,    ///< one call for all parameters, one pass over their memory
  kForeach,  ///< two calls for all parameters
  kForLoop,  ///< two calls for each parameter
};
/// For the record: "sgd (fused)".
const char* NameOf(SgdKernels kernels);

/// torch.optim.SGD without momentum: p -= lr * (grad + weight_decay * p).
class Sgd {
 public:
  Sgd(const std::vector<NamedTensor>& parameters, const SgdOptions& options, SgdKernels kernels = SgdKernels::kFused);
  SgdKernels kernels() const { return kernels_; }
  void UseKernels(SgdKernels kernels) { kernels_ = kernels; }
  /// Drops the gradients, so that backward writes new ones instead of adding (set_to_none).
  void ZeroGrad();
  /// One update. With a scaler the gradients are unscaled first, and nothing changes when one is not finite; only the
  /// fused kernel can skip a step without asking the device, so a scaler needs it. A parameter without a gradient stays
  /// as it is; one at least must have one.
  void Step(GradScaler* scaler);

 private:
  void StepFused(GradScaler* scaler);

  SgdOptions options_;
  SgdKernels kernels_;
  std::vector<at::Tensor> parameters_;
  // Only while stepping; members so that their storage is reused.
  std::vector<at::Tensor> stepped_;    // the parameters that have a gradient
  std::vector<at::Tensor> gradients_;  // theirs
};

}  // namespace rsg::trainer
