#include "agent/trainer/check/check.hpp"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <memory>
#include <stdexcept>

#include "agent/trainer/check/fill.hpp"
#include "agent/trainer/models/model.hpp"
#include "agent/trainer/training/sgd.hpp"

namespace rsg::trainer {
namespace {

constexpr std::int64_t kLogitsShown = 8;

at::Tensor Filled(std::string_view name, at::IntArrayRef shape, std::uint64_t seed, double scale, double offset) {
  const Fill fill(name, seed);
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  double* data = tensor.data_ptr<double>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    data[i] = offset + scale * fill.Uniform(static_cast<std::uint64_t>(i));
  return tensor;
}

at::Tensor FilledParameter(const NamedTensor& parameter, std::uint64_t seed) {
  const at::IntArrayRef shape = parameter.tensor.sizes();
  const bool scale = parameter.tensor.dim() == 1 && parameter.name.ends_with(".weight");
  if (parameter.tensor.dim() < 2) return Filled(parameter.name, shape, seed, 0.1, scale ? 1 : 0);
  const double fan_in = static_cast<double>(parameter.tensor.numel() / shape[0]);
  return Filled(parameter.name, shape, seed, std::sqrt(3 / fan_in), 0);
}

at::Tensor FilledImages(const CheckRequest& request) {
  const std::int64_t size = request.image_size;
  return Filled("input", {request.batch_size, 3, size, size}, request.seed, 1, 0)
      .contiguous(request.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
}

at::Tensor FilledLabels(const CheckRequest& request) {
  const Fill fill("label", request.seed);
  at::Tensor labels = at::empty({request.batch_size}, at::TensorOptions().dtype(at::kLong));
  std::int64_t* data = labels.data_ptr<std::int64_t>();
  for (std::uint32_t k = 0; k < request.batch_size; ++k) data[k] = static_cast<std::int64_t>(fill.Hash(k) % kClasses);
  return labels;
}

double L2(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble).norm().item().toDouble(); }

}  // namespace

CheckFigures RunCheck(const CheckRequest& request) {
  const ModelOptions options{
      .style = {.device = at::kCPU, .dtype = at::kDouble, .channels_last = request.channels_last},
      .image_size = request.image_size,
      .regularise = false,
  };
  const std::unique_ptr<Model> model = BuildModel(request.model, options);
  if (model == nullptr) throw std::invalid_argument("no such model: " + std::string(request.model));
  const std::vector<NamedTensor>& parameters = model->weights().parameters();
  for (const NamedTensor& each : parameters) each.tensor.detach().copy_(FilledParameter(each, request.seed));

  const at::Tensor logits = model->Forward(FilledImages(request));
  const at::Tensor loss = at::cross_entropy_loss(logits, FilledLabels(request));
  Sgd sgd(parameters, {.learning_rate = 0.01, .weight_decay = 5e-5});
  sgd.ZeroGrad();
  loss.backward();

  CheckFigures figures{.loss = loss.item().toDouble(),
                       .logits_l2 = L2(logits),
                       .logits_head = {},
                       .parameters = {},
                       .buffers = {},
                       .parameter_count = model->weights().ParameterCount()};
  for (std::int64_t i = 0; i < kLogitsShown; ++i) figures.logits_head.push_back(logits[0][i].item().toDouble());
  for (const NamedTensor& each : parameters) figures.parameters.push_back({each.name, L2(each.tensor.grad())});
  for (const NamedTensor& each : model->weights().buffers()) figures.buffers.push_back({each.name, L2(each.tensor)});
  sgd.Step(nullptr);
  for (std::size_t i = 0; i < parameters.size(); ++i) figures.parameters[i].step_l2 = L2(parameters[i].tensor);
  return figures;
}

}  // namespace rsg::trainer
