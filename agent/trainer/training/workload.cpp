#include "agent/trainer/training/workload.hpp"

#include <ATen/Context.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/trainer/models/script.hpp"
#include "agent/trainer/training/attention_watch.hpp"
#include "agent/trainer/training/autocast.hpp"
#include "agent/trainer/training/failure.hpp"
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

// Does `work` with a script. What goes wrong in it is the script's fault, unless memory or support is wanting: then
// std::invalid_argument with `what` before and `remedy` after the reason.
template <typename Work>
auto Blaming(const std::string& what, const std::string& remedy, const Work& work) {
  try {
    return work();
  } catch (...) {
    const absl::Status status = StatusOfException();
    if (status.code() != absl::StatusCode::kInternal) throw;
    throw std::invalid_argument("script: " + what + ": " + std::string(status.message()) + "; " + remedy);
  }
}

// Global flags and the seed come first: the weights are drawn under them.
std::unique_ptr<Model> BuildSeeded(at::Device device, const StepOptions& options) {
  SetGlobalFlags(options);
  const TensorStyle style{.device = device, .channels_last = options.channels_last};
  if (!options.script.empty())
    return Blaming(options.script + " holds no TorchScript module", "write it by torch.jit.save",
                   [&] { return LoadScript(options.script, style); });
  auto model = BuildModel(options.model, {.style = style, .image_size = options.image_size});
  if (model == nullptr) throw std::invalid_argument("no such model: " + std::string(options.model));
  return model;
}

std::vector<std::int64_t> BatchShape(const StepOptions& options) {
  if (options.script.empty()) return {options.batch_size, 3, options.image_size, options.image_size};
  std::vector<std::int64_t> shape{options.batch_size};
  shape.insert(shape.end(), options.sample_shape.begin(), options.sample_shape.end());
  return shape;
}

at::Tensor RandomImages(at::Device device, const StepOptions& options) {
  at::Tensor images = at::randn(BatchShape(options), at::TensorOptions().device(device).dtype(at::kFloat));
  return options.channels_last ? images.contiguous(at::MemoryFormat::ChannelsLast) : images;
}

at::Tensor RandomLabels(at::Device device, std::int64_t classes, std::int64_t batch_size) {
  return at::randint(classes, {batch_size}, at::TensorOptions().device(device).dtype(at::kLong));
}

}  // namespace

Workload::Workload(at::Device device, const StepOptions& options, std::int64_t unlabelled)
    : device_(device),
      numerics_(options.numerics),
      unlabelled_(unlabelled),
      model_(BuildSeeded(device, options)),
      images_(RandomImages(device, options)) {
  if (options.script.empty()) labels_ = RandomLabels(device, kClasses - unlabelled, options.batch_size);
}

at::Tensor Workload::Compute() {
  const AutocastScope autocast(device_.type(), numerics_.autocast);
  const at::Tensor logits = labels_.defined() ? model_->Forward(images_) : FirstLogits();
  return at::cross_entropy_loss(logits, labels_);
}

// As any other pass: a look ahead without gradients would have TorchScript compile the module for that.
at::Tensor Workload::FirstLogits() {
  std::ostringstream shape;
  shape << images_.sizes();
  const at::Tensor logits =
      Blaming("the module fails on a batch of shape " + shape.str(),
              "give the batch size, --size or --input-shape that it was made for, or export it for any",
              [&] { return model_->Forward(images_); });
  labels_ = RandomLabels(device_, logits.size(1) - unlabelled_, images_.size(0));
  return logits;
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
