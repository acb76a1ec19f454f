#include "agent/trainer/measure/summary.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "agent/trainer/measure/interval.hpp"
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

TEST(Interval, SurroundsTheThroughputAndNamesTheMedian) {
  Summary summary;
  Series series;
  for (int i = 0; i < 21; ++i) {
    const v1::Window window = Window(10, i % 3 == 0 ? 1.0 : i % 3 == 1 ? 1.1 : 0.8);
    summary.Add(window);
    series.Add(window.steps(), window.seconds());
  }
  v1::Result result;
  summary.Fill(&result);
  FillInterval(series, &result);
  EXPECT_LT(result.ci_low(), result.throughput());
  EXPECT_GT(result.ci_high(), result.throughput());
  EXPECT_DOUBLE_EQ(result.median(), 40);
  EXPECT_NEAR(result.throughput() / result.ci_low() - 1, RelativeHalfWidth(series), 1e-12);
}

// Every fifth window takes twice as long: the mean is known well enough to tell it from the usual window.
TEST(Interval, OfASkewedSeriesIsTheMeansAndLeavesTheMedianOutside) {
  Summary summary;
  Series series;
  for (int i = 0; i < 200; ++i) {
    const v1::Window window = Window(10, i % 5 == 0 ? 2.0 : 1.0);
    summary.Add(window);
    series.Add(window.steps(), window.seconds());
  }
  v1::Result result;
  summary.Fill(&result);
  FillInterval(series, &result);
  EXPECT_DOUBLE_EQ(result.throughput(), result.samples() / 240.0);
  EXPECT_DOUBLE_EQ(result.median(), result.samples() / 200.0);
  EXPECT_LT(result.ci_high(), result.median());
}

TEST(Interval, IsLeftOutWithTooFewWindowsOrWithoutAnUpperEnd) {
  Summary summary;
  Series few;
  Series wild;
  for (int i = 0; i < 7; ++i) {
    summary.Add(Window(10, 1));
    few.Add(10, 1);
  }
  for (int i = 0; i < 8; ++i) wild.Add(1, i == 7 ? 1000 : 0.001);
  v1::Result result;
  summary.Fill(&result);
  FillInterval(few, &result);
  EXPECT_FALSE(result.has_ci_low() || result.has_ci_high());
  EXPECT_DOUBLE_EQ(result.median(), 40);
  FillInterval(wild, &result);
  EXPECT_FALSE(result.has_ci_low() || result.has_ci_high());
}

TEST(Interval, OfEqualValuesIsNothingWide) {
  Series series;
  for (int i = 0; i < 40; ++i) series.Add(10, 1);
  const auto interval = EstimateInterval(series.values());
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->half_width, 0, 1e-12);
  EXPECT_NEAR(interval->mean, 0.1, 1e-12);
  EXPECT_EQ(interval->EffectiveValues(), 40);
}

TEST(Interval, StudentsQuantileIsTheTables) {
  for (const auto& [degrees, quantile] :
       {std::pair{3, 3.182}, {5, 2.571}, {10, 2.228}, {15, 2.131}, {30, 2.042}, {1000, 1.962}})
    EXPECT_NEAR(StudentQuantile(degrees) / quantile, 1, 0.01) << degrees;
}

TEST(Series, JoinsNeighboursWhenItIsFull) {
  Series series(4);
  for (const double seconds : {1.0, 3.0, 5.0, 7.0}) series.Add(1, seconds);
  EXPECT_EQ(series.size(), 4u);
  series.Add(1, 9);  // half of the next value
  EXPECT_EQ(std::vector<double>(series.values().begin(), series.values().end()), (std::vector<double>{2, 6}));
  series.Add(3, 3);
  EXPECT_EQ(std::vector<double>(series.values().begin(), series.values().end()), (std::vector<double>{2, 6, 3}));
  for (int i = 0; i < 10000; ++i) series.Add(1, 1);
  EXPECT_LE(series.size(), 4u);
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
