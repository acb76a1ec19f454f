#include "script_file.hpp"

#include <ATen/Context.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/api/module.h>

namespace rsg::trainer {

void SaveScript(const ScriptSource& source, const std::string& file) {
  at::manual_seed(0);
  torch::jit::Module module("Net");
  const auto normal = [&](const std::vector<std::int64_t>& sizes) {
    return at::randn(sizes, at::TensorOptions().dtype(source.in_float64 ? at::kDouble : at::kFloat)).mul_(0.1);
  };
  for (const auto& [name, sizes] : source.parameters)
    module.register_parameter(name, normal(sizes).set_requires_grad(true), /*is_buffer=*/false);
  for (const auto& [name, sizes] : source.frozen) module.register_parameter(name, normal(sizes), /*is_buffer=*/false);
  for (const auto& [name, sizes] : source.buffers) module.register_buffer(name, at::zeros(sizes));
  module.register_attribute("training", c10::BoolType::get(), false);
  if (!source.code.empty()) module.define(source.code);
  module.save(file);
}

ScriptSource SmallConvNet() {
  return {.code = R"(
def forward(self, x: Tensor):
    y = torch.conv2d(x, self.stem, None, [2, 2], [1, 1])
    y = torch.batch_norm(y, self.scale, self.shift, self.mean, self.variance, self.training, 0.1, 1e-5, True)
    y = torch.relu(y)
    y = torch.relu(torch.conv2d(y, self.point))
    return torch.linear(torch.mean(y, [2, 3]), self.head)
)",
          .parameters =
              {{"stem", {8, 3, 3, 3}}, {"scale", {8}}, {"shift", {8}}, {"point", {16, 8, 1, 1}}, {"head", {5, 16}}},
          .buffers = {{"mean", {8}}, {"variance", {8}}}};
}

}  // namespace rsg::trainer
