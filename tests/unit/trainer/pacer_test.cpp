#include "agent/trainer/measure/pacer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <utility>
#include <vector>

#include "synthetic.hpp"

namespace rsg::trainer {
namespace {

v1::Limits Seconds(double seconds, double max_seconds = 86400) {
  v1::Limits limits;
  limits.set_seconds(seconds);
  limits.set_max_seconds(max_seconds);
  return limits;
}

v1::Limits Batches(std::uint32_t n_batches, double max_seconds = 86400) {
  v1::Limits limits;
  limits.set_n_batches(n_batches);
  limits.set_max_seconds(max_seconds);
  return limits;
}

v1::Limits Target(double half_width, double max_seconds = 60) {
  v1::Limits limits;
  limits.set_target_half_width(half_width);
  limits.set_max_seconds(max_seconds);
  return limits;
}

struct Ran {
  Pacer::Plan plan;
  double seconds;
  double start;
};

/// Plays a device on which the first step takes `first` seconds and every other one `step`, with `ahead` windows
/// queued.
std::vector<Ran> Play(Pacer* pacer, double step, double first, std::size_t ahead = 0) {
  std::vector<Ran> ran;
  std::deque<Ran> open;
  double time = 0;
  const auto settle = [&] {
    pacer->Observe(open.front().plan.steps, open.front().seconds);
    ran.push_back(open.front());
    open.pop_front();
  };
  for (int i = 0; i < 1'000'000; ++i) {
    // The host is early by what is still open.
    double queued = 0;
    for (const Ran& window : open) queued += window.seconds;
    const auto plan = pacer->Next(time - queued);
    if (!plan && open.empty()) return ran;
    if (plan) {
      const bool is_first = ran.empty() && open.empty();
      const double seconds = plan->steps * step + (is_first ? first - step : 0);
      open.push_back({*plan, seconds, time});
      time += seconds;
    }
    if (!plan || open.size() > ahead) settle();
  }
  ADD_FAILURE() << "the pacer never stops";
  return ran;
}

struct Sum {
  std::uint32_t steps = 0;
  double seconds = 0;
  std::size_t windows = 0;
};
Sum SumOf(const std::vector<Ran>& ran, bool warm_up) {
  Sum sum;
  for (const Ran& window : ran)
    if (window.plan.warm_up == warm_up) {
      sum.steps += window.plan.steps;
      sum.seconds += window.seconds;
      ++sum.windows;
    }
  return sum;
}

TEST(Pacer, MeasuresTheAskedSecondsInAHundredWindows) {
  for (const std::size_t ahead : {0, 1}) {
    Pacer pacer(Seconds(30), 64);
    const auto ran = Play(&pacer, 0.02, 0.2, ahead);
    const Sum measured = SumOf(ran, false);
    EXPECT_NEAR(measured.seconds, 30, 0.05) << ahead;
    EXPECT_NEAR(static_cast<double>(measured.windows), 100, 1) << ahead;
    EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_SECONDS);
    EXPECT_NEAR(pacer.measured_seconds(), measured.seconds, 1e-9);
    EXPECT_EQ(pacer.measured_steps(), measured.steps);
  }
}

TEST(Pacer, WarmsUpForASecondWhenTheSeriesIsSteadyBySoonAfter) {
  Pacer long_run(Seconds(30), 1);  // ten windows of 0.3 s are asked for before it is called steady
  EXPECT_NEAR(SumOf(Play(&long_run, 0.02, 0.2), true).seconds, 2.7, 0.4);
  Pacer short_run(Seconds(2), 1);
  EXPECT_NEAR(SumOf(Play(&short_run, 0.02, 0.2), true).seconds, 1.0, 0.1);
}

TEST(Pacer, WarmUpGoesOnWhileTheSeriesSettles) {
  for (const std::size_t ahead : {0, 1}) {
    Pacer pacer(Target(0.01), 1);
    double time = 0;
    std::deque<std::pair<Pacer::Plan, double>> open;
    double warm_up = 0;
    while (const auto plan = pacer.Next(time)) {
      if (!plan->warm_up) break;
      const double seconds = plan->steps * 0.01 * (1 + 0.5 * std::exp(-time));  // settles within a few seconds
      open.emplace_back(*plan, seconds);
      time += seconds;
      warm_up += seconds;
      if (open.size() > ahead) {
        pacer.Observe(open.front().first.steps, open.front().second);
        open.pop_front();
      }
    }
    EXPECT_GT(warm_up, 3) << ahead;
    EXPECT_LT(warm_up, kWarmUpCap + 0.2) << ahead;
  }
}

TEST(Pacer, WarmUpOfASeriesThatNeverSettlesIsCapped) {
  Pacer pacer(Seconds(4), 1);
  double time = 0;
  double warm_up = 0;
  while (const auto plan = pacer.Next(time)) {
    const double seconds = plan->steps * 0.01 * (1 + time);
    pacer.Observe(plan->steps, seconds);
    time += seconds;
    if (plan->warm_up) warm_up += seconds;
  }
  EXPECT_NEAR(warm_up, 2, 0.3);
}

TEST(Pacer, StopsWhenTheThroughputIsKnownWellEnough) {
  for (const std::size_t ahead : {0, 1}) {
    Pacer pacer(Target(0.005), 8);
    const auto ran = Play(&pacer, 0.02, 0.2, ahead);
    EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_PRECISION);
    EXPECT_NEAR(static_cast<double>(SumOf(ran, false).windows), 40, 2);
    EXPECT_LT(ran.back().start + ran.back().seconds, 6) << "a fifth of the original's 30 s";
    EXPECT_EQ(pacer.series().size(), SumOf(ran, false).windows);
    EXPECT_EQ(pacer.Progress(5), 1);
  }
}

TEST(Pacer, LooksOnWhenTheSeriesHoldsFewerValuesThanThereWereWindows) {
  Pacer pacer(Target(0.0004, 3600), 8);  // some 2900 windows of 1 % noise; the series joins neighbours from 2048 on
  const auto noise = Synthetic(14).Autoregressive(40'000, 0, 0.01);
  double time = 0;
  std::size_t ran = 0;
  std::size_t measured = 0;
  while (const auto plan = pacer.Next(time)) {
    const double seconds = plan->steps * 0.01 * noise.at(ran++);
    pacer.Observe(plan->steps, seconds);
    time += seconds;
    if (!plan->warm_up) ++measured;
  }
  EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_PRECISION);
  EXPECT_GT(measured, 2048u);
  EXPECT_LT(measured, 5000u);
}

TEST(Pacer, ATargetThatCannotBeReachedEndsAtTheLimit) {
  Pacer pacer(Target(0.0001, 8), 8);
  double time = 0;
  std::uint32_t windows = 0;
  while (const auto plan = pacer.Next(time)) {
    const double seconds = plan->steps * 0.01 * (++windows % 2 == 0 ? 1.0 : 1.2);
    pacer.Observe(plan->steps, seconds);
    time += seconds;
    EXPECT_LE(pacer.Progress(time), 1);
  }
  EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_LIMIT);
  EXPECT_NEAR(time, 8, 0.3);
}

TEST(Pacer, WarmsUpForThreeStepsHoweverSlowTheyAre) {
  Pacer pacer(Seconds(20), 1);
  const auto ran = Play(&pacer, 5, 45);
  EXPECT_EQ(SumOf(ran, true).steps, 3u);
  EXPECT_EQ(SumOf(ran, false).steps, 4u);
}

TEST(Pacer, WarmUpComesFirstAndOnce) {
  Pacer pacer(Seconds(3), 1);
  bool measuring = false;
  for (const Ran& window : Play(&pacer, 0.01, 0.5, 1)) {
    EXPECT_FALSE(measuring && window.plan.warm_up);
    measuring = !window.plan.warm_up;
  }
  EXPECT_TRUE(measuring);
}

TEST(Pacer, TheFirstWindowIsOneStepBecauseItsLengthIsUnknown) {
  Pacer pacer(Seconds(30), 1);
  const auto plan = pacer.Next(0);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->steps, 1u);
  EXPECT_TRUE(plan->warm_up);
}

TEST(Pacer, MeasuresExactlyTheAskedBatches) {
  for (const std::uint32_t n : {1u, 2u, 7u, 100u, 12345u})
    for (const std::size_t ahead : {0, 1}) {
      Pacer pacer(Batches(n), 8);
      EXPECT_EQ(SumOf(Play(&pacer, 0.03, 0.3, ahead), false).steps, n);
      EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_N_BATCHES);
    }
}

TEST(Pacer, HasNoSliversAtTheEnd) {
  Pacer by_seconds(Seconds(5.02), 1);
  for (const Ran& window : Play(&by_seconds, 0.001, 0.01))
    EXPECT_TRUE(window.plan.warm_up || window.seconds > 0.08) << window.seconds;
  Pacer by_batches(Batches(510), 1);
  for (const Ran& window : Play(&by_batches, 0.001, 0.01))
    EXPECT_TRUE(window.plan.warm_up || window.plan.steps > 80) << window.plan.steps;
}

TEST(Pacer, EndsAtTheLimit) {
  for (const std::size_t ahead : {0, 1}) {
    Pacer pacer(Seconds(30, 10), 1);
    const auto ran = Play(&pacer, 0.02, 0.2, ahead);
    const double end = ran.back().start + ran.back().seconds;
    EXPECT_LE(end, 10 + 1e-9);
    EXPECT_GT(end, 9.9);
    EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_LIMIT);
    EXPECT_GT(pacer.measured_steps(), 0u);
  }
}

TEST(Pacer, TheLimitAloneEndsWhatAsksForNothingElse) {
  v1::Limits limits;
  limits.set_max_seconds(4);
  Pacer pacer(limits, 1);
  const auto ran = Play(&pacer, 0.01, 0.1);
  EXPECT_NEAR(SumOf(ran, true).seconds + SumOf(ran, false).seconds, 4, 0.05);
  EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_LIMIT);
}

TEST(Pacer, WarmUpLeavesHalfOfTheLimitForMeasuring) {
  Pacer pacer(Seconds(100, 6), 1);
  const auto ran = Play(&pacer, 0.1, 1);
  EXPECT_NEAR(SumOf(ran, true).seconds, 3, 0.2);
  EXPECT_NEAR(SumOf(ran, false).seconds, 3, 0.2);
}

TEST(Pacer, MeasuresOneStepEvenWhenWarmUpTookMostOfTheLimit) {
  Pacer pacer(Seconds(10, 12), 1);
  const auto ran = Play(&pacer, 9, 10);
  EXPECT_EQ(SumOf(ran, true).steps, 1u);
  EXPECT_EQ(SumOf(ran, false).steps, 1u);
}

TEST(Pacer, MeasuresNothingAfterTheLimit) {
  Pacer pacer(Seconds(1, 2), 1);
  const auto ran = Play(&pacer, 5, 5);
  EXPECT_EQ(SumOf(ran, false).windows, 0u);
  EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_LIMIT);
}

TEST(Pacer, StopsBeforeTheSamplesOverflowTheirField) {
  Pacer pacer(Batches(1'000'000), 65536);
  const auto ran = Play(&pacer, 0.01, 0.01);
  const std::uint64_t samples = std::uint64_t{SumOf(ran, false).steps} * 65536;
  EXPECT_LE(samples, 0xffffffffu);
  EXPECT_EQ(pacer.stop_reason(), v1::STOP_REASON_LIMIT);
}

TEST(Pacer, ATooQuickDeviceMakesNoEndlessWindow) {
  Pacer pacer(Batches(1'000'000'000, 1000), 1);
  ASSERT_TRUE(pacer.Next(0));
  pacer.Observe(1, 1e-12);
  const auto plan = pacer.Next(1e-12);
  ASSERT_TRUE(plan);
  EXPECT_GE(plan->steps, 1u);
}

TEST(Pacer, ProgressGrowsToOne) {
  Pacer pacer(Seconds(2), 1);
  EXPECT_EQ(pacer.Progress(0), 0);
  Play(&pacer, 0.01, 0.1);
  EXPECT_NEAR(pacer.Progress(3), 1, 0.01);
  EXPECT_LE(pacer.Progress(1e9), 1);
}

}  // namespace
}  // namespace rsg::trainer
