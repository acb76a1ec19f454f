// Finds out which kernel LibTorch takes for attention by looking on while it runs: the choice depends on the device,
// the types, shapes and strides at hand and the release.
#pragma once
#include <functional>
#include <string>

namespace rsg::trainer {

/// The kernels of scaled dot product attention that `work` ran on this thread: "math" (matrix products and a softmax
/// one after the other), "flash", "efficient" or "cudnn"; several joined in this order, "math+flash"; empty: it asked
/// for none. Not to be nested. What `work` throws passes through.
std::string WatchAttention(const std::function<void()>& work);

}  // namespace rsg::trainer
