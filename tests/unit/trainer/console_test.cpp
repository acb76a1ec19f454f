#include "agent/trainer/report/console.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/trainer/report/state_text.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::TrainerStarted Started() {
  v1::TrainerStarted started;
  started.mutable_cell()->set_model("resnet50");
  started.mutable_cell()->set_batch_size(64);
  started.mutable_cell()->set_image_size(224);
  started.mutable_cell()->set_precision(v1::PRECISION_FP32);
  started.mutable_cell()->set_memory_format(v1::MEMORY_FORMAT_NHWC);
  started.mutable_cell()->set_mode(v1::MODE_STANDARD);
  started.mutable_stack()->set_torch_version("2.11.0");
  started.mutable_stack()->set_cuda_version("13.0");
  started.mutable_stack()->set_cudnn_version("9.19.0");
  started.set_device_name("NVIDIA Test");
  return started;
}

v1::Result Result() {
  v1::Result result;
  result.set_throughput(1234.567);
  result.set_windows(60);
  result.set_steps(580);
  result.set_samples(37120);
  result.set_seconds(30.067);
  result.set_warm_up_seconds(3.01);
  result.set_window_cv(0.0123);
  result.set_median(1235.01);
  result.set_ci_low(1228.425);
  result.set_ci_high(1240.771);
  result.set_stop_reason(v1::STOP_REASON_SECONDS);
  result.set_peak_memory_mib(6021);
  result.set_final_loss(6.9871);
  result.set_parameters(25557032);
  result.mutable_flags()->set_threads(8);
  result.mutable_flags()->set_optimizer("sgd (fused)");
  result.mutable_physics()->set_flops(30.48e12);
  result.mutable_physics()->set_peak_flops(60.6e12);
  result.mutable_physics()->set_share_of_peak(30.48 / 60.6);
  return result;
}

std::string Text(const v1::TrainerStarted& started, const v1::Result& result) {
  return Summarise(started, result, /*has_tf32=*/true);
}

TEST(Console, AScriptIsLabelledAsOneWithItsHash) {
  v1::TrainerStarted started = Started();
  started.mutable_cell()->set_model("script:mlp");
  started.mutable_cell()->mutable_script()->set_name("mlp");
  started.mutable_cell()->mutable_script()->set_sha256("1a2b3c4d" + std::string(56, '0'));
  EXPECT_EQ(Describe(started.cell()), "script:mlp (1a2b3c4d), batch 64, 224 px, fp32, nhwc");
  for (const std::uint32_t number : {3, 32, 64}) started.mutable_cell()->mutable_script()->add_sample_shape(number);
  EXPECT_THAT(Text(started, Result()),
              HasSubstr("model          script:mlp (1a2b3c4d), batch 64, samples of 3x32x64, 25.6 M parameters\n"));
}

TEST(Console, TheSummaryNamesEverythingThatCounts) {
  EXPECT_EQ(
      Text(Started(), Result()),
      "model          resnet50, batch 64, 224 px, 25.6 M parameters\n"
      "device         NVIDIA Test, 8 host threads\n"
      "stack          LibTorch 2.11.0, CUDA 13.0, cuDNN 9.19.0\n"
      "precision      fp32\n"
      "mode           standard, sgd (fused)\n"
      "memory format  nhwc\n"
      "measured       580 steps, 37120 samples in 30.07 s, 60 windows\n"
      "warm-up        3.01 s\n"
      "compute        30.5 TFLOP/s, 50 % of the 60.6 TFLOP/s of matrix products\n"
      "loss           6.9871\n"
      "peak memory    6021 MiB\n"
      "throughput     1234.57 samples/s ± 0.50 % (95 %: 1228.42 to 1240.77), median 1235.01, windows vary by 1.23 %\n");
}

TEST(Console, HiddenTf32IsShownWhereTheDeviceHasIt) {
  v1::Result result = Result();
  result.mutable_flags()->set_cudnn_allow_tf32(true);
  EXPECT_THAT(Summarise(Started(), result, /*has_tf32=*/true), HasSubstr("fp32 (TF32 conv)\n"));
  EXPECT_THAT(Summarise(Started(), result, /*has_tf32=*/false), HasSubstr("fp32\n"));
}

TEST(Console, ModesThatAreNotTheUsualOneAreNamed) {
  v1::TrainerStarted started = Started();
  started.mutable_cell()->set_mode(v1::MODE_TUNED);
  v1::Result result = Result();
  result.mutable_flags()->set_cuda_graph(true);
  EXPECT_THAT(Text(started, result), HasSubstr("mode           tuned, sgd (fused), CUDA graph\n"));
  result.mutable_flags()->set_cuda_graph(false);
  result.mutable_flags()->set_note("no CUDA graph: a CPU has none");
  EXPECT_THAT(Text(started, result), HasSubstr("tuned, sgd (fused), no CUDA graph: a CPU has none\n"));
  EXPECT_EQ(Describe(started.cell()), "resnet50, batch 64, 224 px, fp32, nhwc, tuned");
  EXPECT_EQ(Describe(Started().cell()), "resnet50, batch 64, 224 px, fp32, nhwc");
}

TEST(Console, TheKernelOfAttentionIsNamedWhereThereIsOne) {
  v1::Result result = Result();
  result.mutable_flags()->set_attention("flash");
  EXPECT_THAT(Text(Started(), result), HasSubstr("mode           standard, sgd (fused), flash attention\n"));
}

TEST(Console, WhatIsKnownOfTheArithmeticIsSaid) {
  v1::Result result = Result();
  result.mutable_physics()->set_note("over 100 % may be right");
  EXPECT_THAT(Text(Started(), result), HasSubstr("of matrix products (over 100 % may be right)\n"));
  result.mutable_physics()->clear_note();
  result.mutable_physics()->clear_share_of_peak();
  EXPECT_THAT(Text(Started(), result), HasSubstr("compute        30.5 TFLOP/s\n"));
}

TEST(Console, AnEarlyEndIsShown) {
  v1::Result result = Result();
  result.set_stop_reason(v1::STOP_REASON_LIMIT);
  EXPECT_THAT(Text(Started(), result), HasSubstr("(ended by the limit)"));
  result.set_stop_reason(v1::STOP_REASON_PRECISION);
  EXPECT_THAT(Text(Started(), result), HasSubstr("(until it was known well enough)"));
  result.set_stop_reason(v1::STOP_REASON_SIGNAL);
  EXPECT_THAT(Text(Started(), result), HasSubstr("(interrupted)"));
}

TEST(Console, ALossThatIsNotFiniteIsSaid) {
  v1::Result result = Result();
  result.clear_final_loss();
  result.set_windows(1);
  result.clear_ci_low();
  result.clear_ci_high();
  const std::string text = Text(Started(), result);
  EXPECT_THAT(text, HasSubstr("loss           not finite"));
  EXPECT_THAT(text, HasSubstr("throughput     1234.57 samples/s\n"));
}

TEST(Console, ProgressTellsWarmUpApart) {
  v1::Window window;
  window.set_steps(10);
  window.set_samples(640);
  window.set_seconds(0.5);
  EXPECT_EQ(ProgressLine(window, {.throughput = 1200, .progress = 0.25}),
            " 25 %   1200.0 samples/s, now 1280.0, 50.0 ms a step");
  EXPECT_EQ(ProgressLine(window, {.throughput = 1200, .half_width = 0.0123, .progress = 0.25}),
            " 25 %   1200.0 samples/s ± 1.23 %, now 1280.0, 50.0 ms a step");
  window.set_warm_up(true);
  EXPECT_EQ(ProgressLine(window, {}), "warm-up   1280.0 samples/s, 50.0 ms a step");
}

TEST(Console, TheMachinesStateAndTheVerdictEndTheSummary) {
  v1::Result result = Result();
  result.set_verdict(v1::VERDICT_THROTTLED);
  result.set_evidence("58 % of the time under thermal slowdown");
  result.mutable_telemetry()->set_readings(300);
  result.mutable_telemetry()->set_sm_clock_mhz(1349.6);
  result.mutable_telemetry()->set_memory_clock_mhz(9501);
  result.mutable_telemetry()->set_temperature_celsius(83.7);
  result.mutable_telemetry()->set_power_watts(287.2);
  result.mutable_telemetry()->set_energy_joules(8635);
  result.mutable_telemetry()->set_used_memory_mib(7012);
  result.mutable_telemetry()->set_pcie_generation(4);
  result.mutable_telemetry()->set_pcie_width(16);
  result.set_sustained_throughput(1185.18);
  result.set_soak_seconds(600);
  EXPECT_THAT(Text(Started(), result),
              HasSubstr("machine        SM 1350 MHz, memory 9501 MHz, 84 °C, 287 W, 8.6 kJ, 4.30 samples/J, "
                        "7012 MiB in use, PCIe 4 x16\n"
                        "sustained      1185.18 samples/s in the second half of 10 min, 4.0 % below the measurement\n"
                        "verdict        THROTTLED: 58 % of the time under thermal slowdown\n"));
}

TEST(Console, ACpusStateIsItsFrequencyAndLoad) {
  v1::Result result = Result();
  result.mutable_telemetry()->set_cpu_mhz(2300);
  result.mutable_telemetry()->set_cpu_load(0.5);
  result.set_verdict(v1::VERDICT_VALID);
  EXPECT_THAT(Text(Started(), result), HasSubstr("machine        CPU 2300 MHz, load 50 %\n"
                                                 "verdict        VALID\n"));
}

TEST(Console, OnlyAVerdictThatIsNotValidStandsInTheLiveLine) {
  EXPECT_EQ(VerdictSoFar(v1::VERDICT_UNSPECIFIED), "");
  EXPECT_EQ(VerdictSoFar(v1::VERDICT_VALID), "");
  EXPECT_EQ(VerdictSoFar(v1::VERDICT_HOST_BOUND), "   HOST_BOUND so far");
}

TEST(Console, WarmingAndSoakHaveLinesOfTheirOwn) {
  v1::Window window;
  window.set_samples(640);
  window.set_seconds(0.5);
  window.mutable_telemetry()->set_temperature_celsius(63.2);
  EXPECT_EQ(WarmingLine(window), "warming the device   63 °C, 1280.0 samples/s");
  EXPECT_EQ(SoakLine(window, 0.25), "soak  25 %   now 1280.0 samples/s");
}

}  // namespace
}  // namespace rsg::trainer
