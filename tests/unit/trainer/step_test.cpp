#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/training/failure.hpp"
#include "agent/trainer/training/training_step.hpp"

namespace rsg::trainer {
namespace {

constexpr StepOptions kTiny{.model = "resnet18", .batch_size = 2, .image_size = 32};

TEST(StandardStep, TwentyStepsKeepTheLossFinite) {
  const auto cpu = OpenCpu();
  const auto step = MakeStandardStep(*cpu, kTiny);
  EXPECT_TRUE(std::isnan(step->Loss()));
  for (int i = 0; i < 20; ++i) step->Run();
  EXPECT_TRUE(std::isfinite(step->Loss()));
  EXPECT_EQ(step->ParameterCount(), 11689512u);
}

TEST(StandardStep, TheLossStartsNearChanceAndTheWeightsMove) {
  const auto cpu = OpenCpu();
  const auto step = MakeStandardStep(*cpu, kTiny);
  step->Run();
  const double first = step->Loss();
  EXPECT_NEAR(first, std::log(1000.0), 1.5);
  step->Run();
  EXPECT_NE(step->Loss(), first);
}

TEST(StandardStep, TheSeedDecidesWeightsAndBatch) {
  const auto cpu = OpenCpu();
  const auto loss = [&](std::uint64_t seed) {
    StepOptions options = kTiny;
    options.seed = seed;
    const auto step = MakeStandardStep(*cpu, options);
    step->Run();
    return step->Loss();
  };
  EXPECT_EQ(loss(7), loss(7));
  EXPECT_NE(loss(7), loss(8));
}

TEST(StandardStep, TheMemoryFormatChangesSpeedNotNumbers) {
  const auto cpu = OpenCpu();
  StepOptions nhwc = kTiny;
  nhwc.channels_last = true;
  const auto a = MakeStandardStep(*cpu, kTiny);
  const auto b = MakeStandardStep(*cpu, nhwc);
  for (int i = 0; i < 2; ++i) {
    a->Run();
    b->Run();
    EXPECT_NEAR(a->Loss(), b->Loss(), 1e-3 * a->Loss());
  }
}

TEST(StandardStep, Bf16ComputesRoughlyTheSameAndLeavesAutocastAsItWas) {
  const auto cpu = OpenCpu();
  StepOptions bf16 = kTiny;
  bf16.numerics.autocast = Numerics::Autocast::kBfloat16;
  const auto a = MakeStandardStep(*cpu, kTiny);
  const auto b = MakeStandardStep(*cpu, bf16);
  a->Run();
  b->Run();
  EXPECT_NE(a->Loss(), b->Loss());
  EXPECT_NEAR(a->Loss(), b->Loss(), 0.05 * a->Loss());
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
}

TEST(OriginalStep, EveryStepStartsFromTheSameWeights) {
  const auto cpu = OpenCpu();
  const auto step = MakeOriginalStep(*cpu, kTiny);
  step->Run();
  const double first = step->Loss();
  EXPECT_NEAR(first, std::log(1000.0), 1.5);
  for (int i = 0; i < 3; ++i) {
    step->Run();
    EXPECT_EQ(step->Loss(), first);  // standard's loss moves
  }
  EXPECT_EQ(step->Facts().optimizer, "sgd (for loop)");
  EXPECT_EQ(step->TakeQueries().asked, 0u);
}

TEST(OriginalStep, HasNoScalerWhateverThePrecision) {
  const auto cpu = OpenCpu();
  StepOptions options = kTiny;
  options.numerics.grad_scaler = true;
  const auto step = MakeOriginalStep(*cpu, options);
  EXPECT_NO_THROW(step->Run());  // its for loop cannot be scaled
}

TEST(TunedStep, OnACpuItPicksAnOptimizerAndSaysWhyThereIsNoGraph) {
  const auto cpu = OpenCpu();
  StepOptions options = kTiny;
  options.channels_last = true;
  const auto tuned = MakeTunedStep(*cpu, options);
  const auto standard = MakeStandardStep(*cpu, options);
  tuned->Run();
  standard->Run();
  EXPECT_FALSE(tuned->Facts().cuda_graph);
  EXPECT_EQ(tuned->Facts().note, "no CUDA graph: a CPU has none");
  EXPECT_TRUE(tuned->Facts().optimizer == "sgd (fused)" || tuned->Facts().optimizer == "sgd (foreach)");
  EXPECT_NEAR(tuned->Loss(), standard->Loss(), 0.02 * standard->Loss());  // some steps on, at a small learning rate
  EXPECT_EQ(standard->Facts().optimizer, "sgd (fused)");
}

/// Says that it can record, and counts what it is asked for; what it replays runs as it is.
class RecordingDevice final : public Device {
 public:
  const std::string& torch_name() const override { return cpu_->torch_name(); }
  const DeviceIdentity& identity() const override { return cpu_->identity(); }
  std::unique_ptr<Mark> MakeMark() override { return cpu_->MakeMark(); }
  std::size_t QueueAhead() const override { return 0; }
  std::optional<bool> Drained() override {
    EXPECT_FALSE(recording) << "a query breaks a recording";
    ++queries;
    return false;
  }
  Recording Record(const std::function<void()>& prepare, const std::function<void()>& work) override {
    recording = true;
    prepare();
    work();
    recording = false;
    if (!why_not.empty()) return {.graph = nullptr, .why_not = why_not};
    return {.graph = std::make_unique<Tape>(&replays), .why_not = ""};
  }
  void LimitMemory(std::uint32_t) override {}
  std::uint32_t PeakMemoryMib() override { return 0; }
  std::uint32_t HostThreads() const override { return 1; }
  std::string CudnnVersion() const override { return ""; }

  bool recording = false;
  std::string why_not;
  int queries = 0;
  int replays = 0;

 private:
  struct Tape : Graph {
    explicit Tape(int* n) : count(n) {}
    void Replay() override { ++*count; }
    int* count;
  };
  std::unique_ptr<Device> cpu_ = OpenCpu();
};

TEST(TunedStep, ReplaysWhatWasRecordedAndAsksTheQueueOnlyOutsideOfIt) {
  RecordingDevice device;
  const auto step = MakeTunedStep(device, kTiny);
  for (int i = 0; i < 5; ++i) step->Run();
  EXPECT_EQ(device.replays, 5);
  EXPECT_EQ(device.queries, 5);
  EXPECT_EQ(step->TakeQueries().asked, 5u);
  EXPECT_TRUE(step->Facts().cuda_graph);
  EXPECT_EQ(step->Facts().note, "");
  EXPECT_GT(step->FlopPerSample(), 0);
}

TEST(TunedStep, ARecordingThatFailsIsNotedAndTheStepRunsWithoutIt) {
  RecordingDevice device;
  device.why_not = "the capture was broken off";
  const auto step = MakeTunedStep(device, kTiny);
  step->Run();
  step->Run();
  EXPECT_EQ(device.replays, 0);
  EXPECT_EQ(step->TakeQueries().asked, 6u);
  EXPECT_TRUE(std::isfinite(step->Loss()));
  EXPECT_EQ(step->Facts().note, "no CUDA graph: the capture was broken off");
}

TEST(TunedStep, AScalerKeepsTheFusedOptimizer) {
  const auto cpu = OpenCpu();
  StepOptions options = kTiny;
  options.numerics.grad_scaler = true;
  const auto step = MakeTunedStep(*cpu, options);
  step->Run();
  EXPECT_EQ(step->Facts().optimizer, "sgd (fused)");
}

TEST(StandardStep, TheMemoryCapEndsAsOutOfMemoryWhileBuildingAndWhileTraining) {
  const auto cpu = OpenCpu();
  const auto outcome = [&](std::uint32_t mib) {
    cpu->LimitMemory(mib);
    try {
      const auto step = MakeStandardStep(*cpu, {.model = "resnet18", .batch_size = 8, .image_size = 64});
      step->Run();
    } catch (...) {
      return StatusOfException().code();
    }
    return absl::StatusCode::kOk;
  };
  EXPECT_EQ(outcome(20), absl::StatusCode::kResourceExhausted);  // 45 MiB of weights do not fit
  EXPECT_EQ(outcome(60), absl::StatusCode::kResourceExhausted);  // their gradients do not
  EXPECT_EQ(outcome(1000), absl::StatusCode::kOk);               // and what was refused was given back
}

}  // namespace
}  // namespace rsg::trainer
