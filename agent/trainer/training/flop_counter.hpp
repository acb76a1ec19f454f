// Counts the arithmetic of a model by looking on while LibTorch runs it: whatever the model is made of, whichever
// kernels the device has for it, in any memory format and under autocast.
#pragma once
#include <functional>

namespace rsg::trainer {

/// Floating point operations, a multiply-add counting two, of the convolutions and matrix products that `work` calls
/// for on this thread: convolution, its backward (as many gradients as are asked for), linear, matmul and its kin,
/// scaled dot product attention. What one of these calls for in turn is part of it. Everything else counts nothing, as
/// is the custom: it is under 1 % of these models' arithmetic. Not to be nested. What `work` throws passes through.
double CountFlop(const std::function<void()>& work);

}  // namespace rsg::trainer
