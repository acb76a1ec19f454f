#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "agent/trainer/training/sgd.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "agent/trainer/training/workload.hpp"

namespace rsg::trainer {
namespace {

// As many as torch.cuda.make_graphed_callables takes: algorithms are chosen and workspaces made by then.
constexpr int kWarmUpSteps = 3;
constexpr int kTrialRounds = 2;
constexpr int kTrialSteps = 3;

class TunedStep final : public TrainingStep {
 public:
  TunedStep(Device& device, const StepOptions& options)
      : device_(device),
        workload_(at::Device(device.torch_name()), options),
        optimizer_(workload_.weights().parameters(), {}),
        watch_(device) {
    if (options.numerics.grad_scaler) scaler_.emplace(workload_.device());
  }

  void Run() override {
    if (!prepared_) Prepare();
    if (recording_.graph == nullptr) return Queue(/*ask=*/true);
    watch_.Ask();
    recording_.graph->Replay();
  }

  double Loss() override { return LossValue(loss_); }
  SkippedSteps Skipped() override { return scaler_ ? scaler_->Skipped() : SkippedSteps{}; }
  std::uint64_t ParameterCount() const override { return workload_.weights().ParameterCount(); }
  StepFacts Facts() const override {
    const std::string note = recording_.why_not.empty() ? "" : "no CUDA graph: " + recording_.why_not;
    return {.optimizer = NameOf(optimizer_.kernels()),
            .attention = workload_.attention(),
            .cuda_graph = recording_.graph != nullptr,
            .note = note};
  }
  double FlopPerSample() const override { return workload_.FlopPerSample(); }
  QueueQueries TakeQueries() override { return watch_.Take(); }

 private:
  // A query would break a recording, for it is work that is not queued.
  void Queue(bool ask) {
    optimizer_.ZeroGrad();
    if (ask) watch_.Ask();
    const at::Tensor loss = workload_.ForwardLoss();
    if (ask) watch_.Ask();
    (scaler_ ? scaler_->Scale(loss) : loss).backward();
    if (ask) watch_.Ask();
    optimizer_.Step(scaler_ ? &*scaler_ : nullptr);
    loss_ = loss.detach();
  }

  void Prepare() {
    recording_ = device_.Record([this] { WarmUp(); }, [this] { Queue(/*ask=*/false); });
    if (recording_.graph == nullptr) {
      DropResults();  // of a recording that failed: memory that nothing was computed into
      device_.ReleaseUnused();
    }
    prepared_ = true;
  }

  void WarmUp() {
    for (int i = 0; i < kWarmUpSteps; ++i) Queue(/*ask=*/false);
    if (!scaler_) ChooseKernels();
    // Gradients and loss are made anew while recording, so that they lie in the graph's own memory.
    DropResults();
  }

  void DropResults() {
    optimizer_.ZeroGrad();
    loss_.reset();
  }

  // Updates again and again with the gradients at hand: at this learning rate the weights hardly move.
  void ChooseKernels() {
    double fused = std::numeric_limits<double>::infinity();
    double foreach = fused;
    for (int round = 0; round < kTrialRounds; ++round) {
      fused = std::min(fused, Time(SgdKernels::kFused));
      foreach
        = std::min(foreach, Time(SgdKernels::kForeach));
    }
    optimizer_.UseKernels(foreach < fused ? SgdKernels::kForeach : SgdKernels::kFused);
  }

  double Time(SgdKernels kernels) {
    optimizer_.UseKernels(kernels);
    optimizer_.Step(nullptr);  // the first may take memory
    const auto begin = device_.MakeMark();
    for (int i = 0; i < kTrialSteps; ++i) optimizer_.Step(nullptr);
    const auto end = device_.MakeMark();
    return end->SecondsSince(*begin);
  }

  Device& device_;
  Workload workload_;
  Sgd optimizer_;
  QueueWatch watch_;
  std::optional<GradScaler> scaler_;
  at::Tensor loss_;
  bool prepared_ = false;
  Recording recording_;  // goes before the tensors that it writes to
};

}  // namespace

std::unique_ptr<TrainingStep> MakeTunedStep(Device& device, const StepOptions& options) {
  return std::make_unique<TunedStep>(device, options);
}

}  // namespace rsg::trainer
