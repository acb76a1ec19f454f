#include <ATen/Context.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include "agent/trainer/device/device.hpp"
#include "agent/trainer/models/model.hpp"
#include "agent/trainer/training/autocast.hpp"
#include "agent/trainer/training/sgd.hpp"
#include "agent/trainer/training/training_step.hpp"

namespace rsg::trainer {
namespace {

class StandardStep final : public TrainingStep {
 public:
  StandardStep(at::Device device, const StepOptions& options);
  void Run() override;
  double Loss() override;
  std::uint64_t ParameterCount() const override { return model_->weights().ParameterCount(); }

 private:
  at::Tensor ForwardLoss();

  at::Device device_;
  Numerics numerics_;
  std::unique_ptr<Model> model_;
  at::Tensor images_;
  at::Tensor labels_;
  Sgd optimizer_;
  std::optional<GradScaler> scaler_;
  at::Tensor loss_;
};

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
  auto model = BuildModel(options.model, {.device = device, .channels_last = options.channels_last});
  if (model == nullptr) throw std::invalid_argument("no such model: " + std::string(options.model));
  return model;
}

at::Tensor RandomImages(at::Device device, const StepOptions& options) {
  at::Tensor images = at::randn({options.batch_size, 3, options.image_size, options.image_size},
                                at::TensorOptions().device(device).dtype(at::kFloat));
  return options.channels_last ? images.contiguous(at::MemoryFormat::ChannelsLast) : images;
}

StandardStep::StandardStep(at::Device device, const StepOptions& options)
    : device_(device),
      numerics_(options.numerics),
      model_(BuildSeeded(device, options)),
      images_(RandomImages(device, options)),
      labels_(at::randint(kClasses, {options.batch_size}, at::TensorOptions().device(device).dtype(at::kLong))),
      optimizer_(model_->weights().parameters(), {}) {
  if (numerics_.grad_scaler) scaler_.emplace(device);
}

at::Tensor StandardStep::ForwardLoss() {
  const AutocastScope autocast(device_.type(), numerics_.autocast);
  return at::cross_entropy_loss(model_->Forward(images_), labels_);
}

void StandardStep::Run() {
  optimizer_.ZeroGrad();
  const at::Tensor loss = ForwardLoss();
  (scaler_ ? scaler_->Scale(loss) : loss).backward();
  optimizer_.Step(scaler_ ? &*scaler_ : nullptr);
  loss_ = loss.detach();  // without its graph, which would keep the step's memory
}

double StandardStep::Loss() {
  return loss_.defined() ? loss_.item().toDouble() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::unique_ptr<TrainingStep> MakeStandardStep(const Device& device, const StepOptions& options) {
  return std::make_unique<StandardStep>(at::Device(device.torch_name()), options);
}

}  // namespace rsg::trainer
