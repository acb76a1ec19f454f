#include <ATen/autocast_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/training/autocast.hpp"
#include "agent/trainer/training/flop_counter.hpp"
#include "agent/trainer/training/training_step.hpp"

namespace rsg::trainer {
namespace {

constexpr double kGiga = 1e9;

double PerSample(StepOptions options, std::unique_ptr<TrainingStep> (*make)(Device&, const StepOptions&)) {
  const auto cpu = OpenCpu();
  const auto step = make(*cpu, options);
  EXPECT_EQ(step->FlopPerSample(), 0);
  step->Run();
  return step->FlopPerSample();
}

// 6 x GMAC. The reference's 24.7 G stands for 4.11 GMAC; He et al. 2016 count 3.8 for the first version.
TEST(Flop, Resnet50IsTheReferencesWithinOnePercent) {
  const double flop = PerSample({.model = "resnet50", .batch_size = 1, .image_size = 224}, MakeStandardStep);
  EXPECT_NEAR(flop / kGiga, 24.7, 0.247);
}

// By hand, torchvision's published 1.81 GMAC; convolutions and the classifier of resnet18 at 224 pixels, layer by
// layer.
TEST(Flop, Resnet18IsItsLayersByHand) {
  const double stem = 112. * 112 * 64 * 3 * 49;
  const double stage1 = 4 * 56. * 56 * 64 * 64 * 9;
  const auto stage = [](double side, double width) {
    const double shortcut = side * side * width * width / 2;
    return side * side * width * width / 2 * 9 + 3 * side * side * width * width * 9 + shortcut;
  };
  const double products = stem + stage1 + stage(28, 128) + stage(14, 256) + stage(7, 512) + 512. * 1000;
  EXPECT_NEAR(products / kGiga, 1.814, 0.001);
  const double flop = PerSample({.model = "resnet18", .batch_size = 1, .image_size = 224}, MakeStandardStep);
  EXPECT_DOUBLE_EQ(flop, 6 * products);
}

TEST(Flop, IsTheSameForEveryBatchFormatPrecisionAndMode) {
  const StepOptions plain{.model = "resnet18", .batch_size = 2, .image_size = 64};
  const double flop = PerSample(plain, MakeStandardStep);
  StepOptions other = plain;
  other.batch_size = 5;
  EXPECT_DOUBLE_EQ(PerSample(other, MakeStandardStep), flop);
  other.channels_last = true;
  EXPECT_DOUBLE_EQ(PerSample(other, MakeStandardStep), flop);
  EXPECT_DOUBLE_EQ(PerSample(other, MakeTunedStep), flop);
  other.numerics.autocast = Numerics::Autocast::kBfloat16;
  EXPECT_DOUBLE_EQ(PerSample(other, MakeStandardStep), flop);
  EXPECT_DOUBLE_EQ(PerSample(plain, MakeOriginalStep), flop);
}

// The rule of three is what autograd really does, but for the gradient of the images, which nobody asks for.
TEST(Flop, AWholeStepIsThreeTimesForwardLessTheFirstLayersInputGradient) {
  const auto cpu = OpenCpu();
  const auto step = MakeStandardStep(*cpu, {.model = "resnet18", .batch_size = 2, .image_size = 64});
  step->Run();
  const double executed = CountFlop([&] { step->Run(); });
  const double stem = 2 * 2. * 32 * 32 * 64 * 3 * 49;
  EXPECT_DOUBLE_EQ(executed, 2 * step->FlopPerSample() - stem);
}

TEST(Flop, CountsEachOperatorOnceWhateverItCallsFor) {
  const at::Tensor x = at::randn({2, 6, 8, 8});
  EXPECT_DOUBLE_EQ(CountFlop([&] {
                     at::conv2d(x, at::randn({4, 3, 3, 3}), {}, 2, 1, 1, 2);
                   }),
                   2. * (2 * 4 * 4 * 4) * 3 * 9);
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::conv_transpose2d(x, at::randn({6, 4, 3, 3})); }), 2. * (2 * 6 * 8 * 8) * 4 * 9);
  const at::Tensor tokens = at::randn({2, 5, 7});
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::linear(tokens, at::randn({3, 7}), at::randn({3})); }), 2. * (2 * 5 * 3) * 7);
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::matmul(tokens, at::randn({2, 7, 4})); }), 2. * (2 * 5 * 4) * 7);
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::mm(at::randn({3, 4}), at::randn({4, 5})); }), 2. * 3 * 5 * 4);
  EXPECT_EQ(CountFlop([&] { x.add(x).relu(); }), 0);
}

TEST(Flop, CountsAttentionWhicheverKernelIsTaken) {
  const at::Tensor query = at::randn({2, 3, 5, 8});
  const at::Tensor key = at::randn({2, 3, 7, 8});
  const double expected = 2. * (2 * 3 * 5 * 7) * 8 * 2;
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::scaled_dot_product_attention(query, key, key); }), expected);
  const at::Tensor mask = at::randn({5, 7}).set_requires_grad(true);  // only the plain kernels take that
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::scaled_dot_product_attention(query, key, key, mask); }), expected);
}

TEST(Flop, AutocastsSecondCallOfAnOperatorIsNoSecondProduct) {
  const at::Tensor x = at::randn({4, 4});
  const AutocastScope autocast(at::kCPU, Numerics::Autocast::kBfloat16);
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::mm(x, x); }), 2. * 64);
}

TEST(Flop, AFailureWithinPassesThroughAndTheNextCountStartsAnew) {
  const at::Tensor x = at::randn({4, 4});
  EXPECT_THROW(CountFlop([&] { at::mm(x, at::randn({3, 4})); }), std::exception);
  EXPECT_DOUBLE_EQ(CountFlop([&] { at::mm(x, x); }), 2. * 64);
}

}  // namespace
}  // namespace rsg::trainer
