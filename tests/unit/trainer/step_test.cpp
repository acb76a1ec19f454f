#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>

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
