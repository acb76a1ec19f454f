#include "agent/trainer/models/regularise.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>

namespace rsg::trainer {

at::Tensor DropPath::operator()(const at::Tensor& branch) const {
  if (rate_ == 0) return branch;
  const double keep = 1 - rate_;
  std::vector<std::int64_t> one_per_sample(static_cast<std::size_t>(branch.dim()), 1);
  one_per_sample[0] = branch.size(0);
  at::Tensor kept = at::empty(one_per_sample, branch.options()).bernoulli_(keep);
  kept.div_(keep);
  return branch.mul(kept);
}

std::vector<double> DropPathRates(double last, std::int64_t blocks) {
  const at::Tensor rates = at::linspace(0, last, blocks, at::TensorOptions().dtype(at::kFloat));
  const float* first = rates.const_data_ptr<float>();
  return {first, first + blocks};
}

}  // namespace rsg::trainer
