// Mixed precision for the time of a scope, as torch.autocast does it.
#pragma once
#include <ATen/core/Tensor.h>

#include "agent/trainer/training/numerics.hpp"

namespace rsg::trainer {

/// Autocast on the calling thread between construction and destruction; with Autocast::kNone nothing happens. The cast
/// weights are kept within the outermost scope, so that each is cast once a step. Restores what was in force before.
class AutocastScope {
 public:
  AutocastScope(at::DeviceType device, Numerics::Autocast autocast);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType device_;
  bool active_;
  bool was_enabled_ = false;
  at::ScalarType previous_dtype_ = at::kFloat;
};

}  // namespace rsg::trainer
