#include "agent/trainer/models/tokens.hpp"

#include <ATen/ops/gelu.h>

namespace rsg::trainer {

at::Tensor Mlp::operator()(const at::Tensor& x) const { return fc2_(at::gelu(fc1_(x))); }

std::vector<at::Tensor> SplitHeads(const at::Tensor& qkv, std::int64_t heads) {
  return qkv.reshape({qkv.size(0), qkv.size(1), 3, heads, -1}).permute({2, 0, 3, 1, 4}).unbind(0);
}

at::Tensor JoinHeads(const at::Tensor& values) {
  return values.transpose(1, 2).reshape({values.size(0), values.size(2), -1});
}

}  // namespace rsg::trainer
