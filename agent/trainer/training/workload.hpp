// What a step trains in every mode: model, batch, and the way from one to the loss.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "agent/trainer/models/model.hpp"
#include "agent/trainer/training/training_step.hpp"

namespace rsg::trainer {

/// Not thread-safe.
class Workload {
 public:
  /// Sets LibTorch's global flags and seed, then draws weights and batch. Labels are uniform over the classes but for
  /// the last `unlabelled`.
  Workload(at::Device device, const StepOptions& options, std::int64_t unlabelled = 0);

  /// Mean cross-entropy of the batch, with the graph of its computation. The first call is looked at (FlopPerSample,
  /// attention); of a script it also tells the number of classes, and what the module is to blame for.
  at::Tensor ForwardLoss();

  const Weights& weights() const { return model_->weights(); }
  const Numerics& numerics() const { return numerics_; }
  at::Device device() const { return device_; }
  double FlopPerSample() const { return flop_per_sample_; }
  /// The kernels of attention, as WatchAttention names them.
  const std::string& attention() const { return attention_; }

 private:
  at::Tensor Compute();
  at::Tensor FirstLogits();

  at::Device device_;
  Numerics numerics_;
  std::int64_t unlabelled_;
  std::unique_ptr<Model> model_;
  at::Tensor images_;
  at::Tensor labels_;  // of a script undefined before the first step
  double flop_per_sample_ = 0;
  std::string attention_;
};

/// A loss tensor as a number; NaN when it is undefined. Waits for the device.
double LossValue(const at::Tensor& loss);

}  // namespace rsg::trainer
