#include <c10/core/GradMode.h>

#include <utility>
#include <vector>

#include "agent/trainer/training/sgd.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "agent/trainer/training/workload.hpp"

namespace rsg::trainer {
namespace {

constexpr std::int64_t kUnlabelled = 1;  // randint(0, 999): the last class never comes

class OriginalStep final : public TrainingStep {
 public:
  OriginalStep(Device& device, const StepOptions& options)
      : workload_(at::Device(device.torch_name()), options, kUnlabelled),
        optimizer_(workload_.weights().parameters(), {},
                   device.is_gpu() ? SgdKernels::kForeach : SgdKernels::kForLoop) {
    for (const auto* tensors : {&workload_.weights().parameters(), &workload_.weights().buffers()})
      for (const NamedTensor& each : *tensors)
        if (each.persistent) state_.emplace_back(each.tensor, CopyOnCpu(each.tensor));
  }

  // The original drops its gradients at the end of each iteration, after the time stamp; whoever calls this takes the
  // stamp when it returns, so here it is the beginning.
  void Run() override {
    optimizer_.ZeroGrad();
    LoadState();
    const at::Tensor loss = workload_.ForwardLoss();
    loss.backward();
    optimizer_.Step(nullptr);
    loss_ = loss.detach();
  }

  double Loss() override { return LossValue(loss_); }
  std::uint64_t ParameterCount() const override { return workload_.weights().ParameterCount(); }
  StepFacts Facts() const override {
    return {.optimizer = NameOf(optimizer_.kernels()), .attention = workload_.attention()};
  }
  double FlopPerSample() const override { return workload_.FlopPerSample(); }

 private:
  static at::Tensor CopyOnCpu(const at::Tensor& tensor) {
    return tensor.detach().to(at::kCPU, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
  }

  // Module.load_state_dict: a copy_ for each tensor.
  void LoadState() {
    const c10::NoGradGuard no_grad;
    for (const auto& [tensor, copy] : state_) tensor.copy_(copy);
  }

  Workload workload_;
  Sgd optimizer_;
  std::vector<std::pair<at::Tensor, at::Tensor>> state_;  // parameters and buffers with their copies
  at::Tensor loss_;
};

}  // namespace

std::unique_ptr<TrainingStep> MakeOriginalStep(Device& device, const StepOptions& options) {
  return std::make_unique<OriginalStep>(device, options);
}

}  // namespace rsg::trainer
