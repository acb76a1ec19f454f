#include "agent/trainer/training/sgd.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <limits>

namespace rsg::trainer {
namespace {

at::Tensor Parameter(double value) {
  return at::full({3}, value, at::TensorOptions().dtype(at::kDouble)).set_requires_grad(true);
}
double First(const at::Tensor& tensor) { return tensor.flatten()[0].item().toDouble(); }

TEST(Sgd, StepsAgainstGradientAndDecay) {
  const at::Tensor p = Parameter(2);
  Sgd sgd({{"p", p}}, {.learning_rate = 0.1, .weight_decay = 0.05});
  p.mul(3).sum().backward();
  sgd.Step(nullptr);
  EXPECT_DOUBLE_EQ(First(p), 2 - 0.1 * (3 + 0.05 * 2));
}

TEST(Sgd, AllKernelsComputeTheSame) {
  for (const SgdKernels kernels : {SgdKernels::kFused, SgdKernels::kForeach, SgdKernels::kForLoop}) {
    const at::Tensor p = Parameter(2);
    const at::Tensor q = Parameter(-1);
    Sgd sgd({{"p", p}, {"q", q}}, {.learning_rate = 0.1, .weight_decay = 0.05}, kernels);
    p.mul(3).sum().add(q.mul(5).sum()).backward();
    sgd.Step(nullptr);
    EXPECT_DOUBLE_EQ(First(p), 2 - 0.1 * (3 + 0.05 * 2)) << NameOf(kernels);
    EXPECT_DOUBLE_EQ(First(q), -1 - 0.1 * (5 - 0.05)) << NameOf(kernels);
    EXPECT_DOUBLE_EQ(First(p.grad()), 3) << NameOf(kernels);  // left as backward wrote it
  }
}

TEST(Sgd, WhatHasNoGradientStays) {
  for (const SgdKernels kernels : {SgdKernels::kFused, SgdKernels::kForeach, SgdKernels::kForLoop}) {
    const at::Tensor p = Parameter(2);
    const at::Tensor unused = Parameter(7);
    Sgd sgd({{"unused", unused}, {"p", p}}, {.learning_rate = 0.1, .weight_decay = 0.05}, kernels);
    p.mul(3).sum().backward();
    sgd.Step(nullptr);
    EXPECT_DOUBLE_EQ(First(p), 2 - 0.1 * (3 + 0.05 * 2)) << NameOf(kernels);
    EXPECT_DOUBLE_EQ(First(unused), 7) << NameOf(kernels);
  }
}

TEST(Sgd, AScalerNeedsTheFusedKernel) {
  const at::Tensor p = Parameter(2);
  Sgd sgd({{"p", p}}, {}, SgdKernels::kForeach);
  GradScaler scaler(at::kCPU);
  p.mul(3).sum().backward();
  EXPECT_THROW(sgd.Step(&scaler), std::logic_error);
}

TEST(Sgd, ZeroGradKeepsGradientsFromAddingUp) {
  const at::Tensor p = Parameter(2);
  Sgd sgd({{"p", p}}, {});
  p.mul(3).sum().backward();
  p.mul(3).sum().backward();
  EXPECT_DOUBLE_EQ(First(p.grad()), 6);
  sgd.ZeroGrad();
  EXPECT_FALSE(p.grad().defined());
  p.mul(3).sum().backward();
  EXPECT_DOUBLE_EQ(First(p.grad()), 3);
}

TEST(Sgd, KeepsItsHandsOffTheGradientsStrides) {
  // A 1x1 kernel in NHWC: its gradient may come with NCHW's strides, which differ only where nothing is counted.
  const at::Tensor p = at::ones({4, 3, 1, 1}, at::TensorOptions().dtype(at::kDouble))
                           .to(at::kCPU, at::kDouble, false, false, at::MemoryFormat::ChannelsLast)
                           .set_requires_grad(true);
  Sgd sgd({{"p", p}}, {.learning_rate = 1, .weight_decay = 0});
  p.mutable_grad() = at::ones({4, 3, 1, 1}, at::TensorOptions().dtype(at::kDouble));
  sgd.Step(nullptr);
  EXPECT_EQ(p.abs().sum().item().toDouble(), 0);
}

TEST(GradScaler, UnscalesWhatItScaled) {
  const at::Tensor p = Parameter(2);
  GradScaler scaler(at::kCPU);
  Sgd sgd({{"p", p}}, {.learning_rate = 0.1, .weight_decay = 0});
  const at::Tensor loss = p.mul(3).sum();
  const at::Tensor scaled = scaler.Scale(loss);
  EXPECT_DOUBLE_EQ(First(scaled), 18 * 65536.0);
  scaled.backward();
  sgd.Step(&scaler);
  EXPECT_DOUBLE_EQ(First(p), 2 - 0.1 * 3);
  EXPECT_EQ(First(scaler.found_inf()), 0);
}

TEST(GradScaler, AnOverflowSkipsTheStepAndHalvesTheScale) {
  const at::Tensor p = Parameter(2);
  GradScaler scaler(at::kCPU);
  Sgd sgd({{"p", p}}, {.learning_rate = 0.1, .weight_decay = 0.05});
  p.mutable_grad() = at::full({3}, std::numeric_limits<double>::infinity(), at::TensorOptions().dtype(at::kDouble));
  sgd.Step(&scaler);
  EXPECT_DOUBLE_EQ(First(p), 2);
  EXPECT_DOUBLE_EQ(First(scaler.Scale(at::ones({1}))), 32768);
}

TEST(GradScaler, GrowsAfterTwoThousandGoodSteps) {
  const at::Tensor p = Parameter(2);
  GradScaler scaler(at::kCPU);
  Sgd sgd({{"p", p}}, {});
  for (int i = 0; i < 1999; ++i) {
    p.mutable_grad() = at::ones({3}, at::TensorOptions().dtype(at::kDouble));
    sgd.Step(&scaler);
  }
  EXPECT_DOUBLE_EQ(First(scaler.Scale(at::ones({1}))), 65536);
  sgd.Step(&scaler);
  EXPECT_DOUBLE_EQ(First(scaler.Scale(at::ones({1}))), 131072);
}

TEST(GradScaler, TellsAfterwardsWhichStepsItSkipped) {
  const at::Tensor p = Parameter(2);
  GradScaler scaler(at::kCPU);
  Sgd sgd({{"p", p}}, {});
  const auto step = [&](double gradient) {
    p.mutable_grad() = at::full({3}, gradient, at::TensorOptions().dtype(at::kDouble));
    sgd.Step(&scaler);
  };
  EXPECT_EQ(scaler.Skipped().at_least, 0u);
  EXPECT_FALSE(scaler.Skipped().newest);
  step(std::numeric_limits<double>::infinity());
  step(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(scaler.Skipped().at_least, 2u);
  EXPECT_TRUE(scaler.Skipped().newest);
  step(1);
  EXPECT_EQ(scaler.Skipped().at_least, 2u);
  EXPECT_FALSE(scaler.Skipped().newest);
  for (int i = 0; i < 300; ++i) step(std::numeric_limits<double>::infinity());  // until the scale has no bit left
  EXPECT_GE(scaler.Skipped().at_least, 150u);
  EXPECT_LE(scaler.Skipped().at_least, 302u);
}

}  // namespace
}  // namespace rsg::trainer
