#include "agent/trainer/training/workload.hpp"

#include <ATen/Context.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <limits>
#include <stdexcept>
#include <string>

#include "agent/trainer/training/attention_watch.hpp"
#include "agent/trainer/training/autocast.hpp"
#include "agent/trainer/training/flop_counter.hpp"

namespace rsg::trainer {
namespace {

void SetGlobalFlags(const StepOptions& options) {
  at::Context& context = at::globalContext();
  context.setBenchmarkCuDNN(options.cudnn_benchmark);
  context.setAllowTF32CuDNN(options.numerics.cudnn_tf32);
  context.setAllowTF32CuBLAS(options.numerics.matmul_tf32);
  at::manual_seed(options.seed);
}

// Global flags and the seed come first: the weights are drawn under them.
std::unique_ptr<Model> BuildSeeded(at::Device device, const StepOptions& options) {
  SetGlobalFlags(options);
  auto model = BuildModel(options.model, {.style = {.device = device, .channels_last = options.channels_last},
                                          .image_size = options.image_size});
  if (model == nullptr) throw std::invalid_argument("no such model: " + std::string(options.model));
  return model;
}

at::Tensor RandomImages(at::Device device, const StepOptions& options) {
  at::Tensor images = at::randn({options.batch_size, 3, options.image_size, options.image_size},
                                at::TensorOptions().device(device).dtype(at::kFloat));
  return options.channels_last ? images.contiguous(at::MemoryFormat::ChannelsLast) : images;
}

}  // namespace

Workload::Workload(at::Device device, const StepOptions& options, std::int64_t label_classes)
    : device_(device),
      numerics_(options.numerics),
      model_(BuildSeeded(device, options)),
      images_(RandomImages(device, options)),
      labels_(at::randint(label_classes, {options.batch_size}, at::TensorOptions().device(device).dtype(at::kLong))) {}

at::Tensor Workload::Compute() {
  const AutocastScope autocast(device_.type(), numerics_.autocast);
  return at::cross_entropy_loss(model_->Forward(images_), labels_);
}

at::Tensor Workload::ForwardLoss() {
  if (flop_per_sample_ > 0) return Compute();
  at::Tensor loss;
  // Each product has two operands that need a gradient, and each gradient is a product of the same size.
  constexpr double kForwardAndBackward = 3;
  double forward = 0;
  attention_ = WatchAttention([&] { forward = CountFlop([&] { loss = Compute(); }); });
  flop_per_sample_ = kForwardAndBackward * forward / static_cast<double>(images_.size(0));
  return loss;
}

double LossValue(const at::Tensor& loss) {
  return loss.defined() ? loss.item().toDouble() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace rsg::trainer
