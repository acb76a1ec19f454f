#include "agent/trainer/measure/summary.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

v1::Window Window(std::uint32_t steps, double seconds, bool warm_up = false) {
  v1::Window window;
  window.set_steps(steps);
  window.set_samples(steps * 4);
  window.set_seconds(seconds);
  window.set_wall_seconds(seconds + 0.001);
  window.set_warm_up(warm_up);
  return window;
}

TEST(Summary, ThroughputIsTotalSamplesOverTotalSecondsNotTheMeanOfRates) {
  Summary summary;
  summary.Add(Window(10, 1));
  summary.Add(Window(10, 4));
  v1::Result result;
  summary.Fill(&result);
  EXPECT_DOUBLE_EQ(result.throughput(), 80.0 / 5.0);
  EXPECT_EQ(result.windows(), 2u);
  EXPECT_EQ(result.steps(), 20u);
  EXPECT_EQ(result.samples(), 80u);
  EXPECT_DOUBLE_EQ(result.seconds(), 5);
  EXPECT_DOUBLE_EQ(result.wall_seconds(), 5.002);
}

TEST(Summary, WarmUpIsCountedApart) {
  Summary summary;
  summary.Add(Window(1, 9, true));
  EXPECT_TRUE(summary.empty());
  EXPECT_EQ(summary.Throughput(), 0);
  summary.Add(Window(10, 1));
  EXPECT_FALSE(summary.empty());
  v1::Result result;
  summary.Fill(&result);
  EXPECT_DOUBLE_EQ(result.warm_up_seconds(), 9);
  EXPECT_EQ(result.steps(), 10u);
}

TEST(Summary, CoefficientOfVariationIsTheSampleOne) {
  Summary summary;
  // Rates 40, 44, 36: mean 40, sample standard deviation 4.
  summary.Add(Window(10, 1));
  summary.Add(Window(11, 1));
  summary.Add(Window(9, 1));
  v1::Result result;
  summary.Fill(&result);
  EXPECT_NEAR(result.window_cv(), 4.0 / 40.0, 1e-12);
}

TEST(Summary, OneWindowHasNoVariation) {
  Summary summary;
  summary.Add(Window(10, 1));
  v1::Result result;
  summary.Fill(&result);
  EXPECT_EQ(result.window_cv(), 0);
  result.set_stop_reason(v1::STOP_REASON_SECONDS);
  EXPECT_TRUE(Validate(result, 4).ok());
}

}  // namespace
}  // namespace rsg::trainer
