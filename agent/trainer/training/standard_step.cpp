#include <optional>

#include "agent/trainer/training/sgd.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "agent/trainer/training/workload.hpp"

namespace rsg::trainer {
namespace {

class StandardStep final : public TrainingStep {
 public:
  StandardStep(Device& device, const StepOptions& options)
      : workload_(at::Device(device.torch_name()), options),
        optimizer_(workload_.weights().parameters(), {}),
        watch_(device) {
    if (options.numerics.grad_scaler) scaler_.emplace(workload_.device());
  }

  void Run() override {
    optimizer_.ZeroGrad();
    watch_.Ask();
    const at::Tensor loss = workload_.ForwardLoss();
    watch_.Ask();
    (scaler_ ? scaler_->Scale(loss) : loss).backward();
    watch_.Ask();
    optimizer_.Step(scaler_ ? &*scaler_ : nullptr);
    loss_ = loss.detach();  // without its graph, which would keep the step's memory
  }

  double Loss() override { return LossValue(loss_); }
  SkippedSteps Skipped() override { return scaler_ ? scaler_->Skipped() : SkippedSteps{}; }
  std::uint64_t ParameterCount() const override { return workload_.weights().ParameterCount(); }
  StepFacts Facts() const override {
    return {.optimizer = NameOf(optimizer_.kernels()), .attention = workload_.attention()};
  }
  double FlopPerSample() const override { return workload_.FlopPerSample(); }
  QueueQueries TakeQueries() override { return watch_.Take(); }

 private:
  Workload workload_;
  Sgd optimizer_;
  QueueWatch watch_;
  std::optional<GradScaler> scaler_;
  at::Tensor loss_;
};

}  // namespace

std::unique_ptr<TrainingStep> MakeStandardStep(Device& device, const StepOptions& options) {
  return std::make_unique<StandardStep>(device, options);
}

}  // namespace rsg::trainer
