// The building blocks that models share: each owns handles of its tensors, adds them at a Scope in PyTorch's order, and
// computes in train mode. Images are [B, C, H, W].
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "agent/trainer/models/weights.hpp"

namespace rsg::trainer {

/// The fan of a convolution, over which its weights start: normal with variance 2 / fan (He et al. 2015, eq. 14).
enum class ConvStart {
  kFanOut,         ///< out * kernel^2, whatever the groups: kaiming_normal_(mode="fan_out", nonlinearity="relu")
  kFanOutOfGroup,  ///< out / groups * kernel^2
  kFanIn,          ///< in / groups * kernel^2: kaiming_normal_()
};

struct ConvShape {
  std::int64_t in;
  std::int64_t out;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t groups = 1;
  bool bias = false;  ///< starts at 0
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
  kUniform,   ///< weight and bias uniform within 1 / sqrt(in): torch.nn.Linear's default
  kZeroBias,  ///< weight as by default, bias 0
  kNormal,    ///< weight normal with standard deviation 0.01, bias 0
};

/// torch.nn.Linear with bias.
class Linear {
 public:
  Linear(const Scope& scope, std::int64_t in, std::int64_t out, LinearStart start = LinearStart::kUniform);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace rsg::trainer
