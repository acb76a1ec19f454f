// What models do to their branches in training only.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace rsg::trainer {

/// Stochastic depth (Huang et al. 2016), timm's DropPath: drops a residual branch for each sample by itself with
/// probability `rate` and divides what stays by 1 - rate. 0: does nothing.
class DropPath {
 public:
  explicit DropPath(double rate) : rate_(rate) {}
  /// `branch` is [B, ...].
  at::Tensor operator()(const at::Tensor& branch) const;

 private:
  double rate_;
};

/// Rates of `blocks` blocks, which rise linearly from 0 to `last`: float32 numbers, as timm computes them.
std::vector<double> DropPathRates(double last, std::int64_t blocks);

}  // namespace rsg::trainer
