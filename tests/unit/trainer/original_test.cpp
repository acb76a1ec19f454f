#include "agent/trainer/measure/original.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "agent/trainer/measure/summary.hpp"
#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

constexpr std::uint32_t kBatch = 8;

v1::Limits Seconds(double seconds, double most = 1000) {
  v1::Limits limits;
  limits.set_seconds(seconds);
  limits.set_max_seconds(most);
  return limits;
}

v1::Limits Batches(std::uint32_t n) {
  v1::Limits limits;
  limits.set_n_batches(n);
  limits.set_max_seconds(1000);
  return limits;
}

TEST(OriginalClock, EndsAtTheFirstStampThatIsLateEnough) {
  OriginalClock clock(Seconds(2), kBatch);
  clock.Begin(90);
  EXPECT_FALSE(clock.Stamp(100));  // iteration 0, however long it took
  EXPECT_FALSE(clock.Stamp(101.9));
  EXPECT_TRUE(clock.Stamp(102));
  EXPECT_EQ(clock.measured(), 2u);
  EXPECT_EQ(clock.started_at(), 100);
  EXPECT_EQ(clock.stop_reason(), v1::STOP_REASON_SECONDS);
  EXPECT_EQ(clock.Progress(), 1);
}

TEST(OriginalClock, CountsBatchesWithoutIterationZero) {
  OriginalClock clock(Batches(2), kBatch);
  clock.Begin(0);
  EXPECT_FALSE(clock.Stamp(1));
  EXPECT_FALSE(clock.Stamp(2));
  EXPECT_DOUBLE_EQ(clock.Progress(), 0.5);
  EXPECT_TRUE(clock.Stamp(3));
  EXPECT_EQ(clock.measured(), 2u);
  EXPECT_EQ(clock.stop_reason(), v1::STOP_REASON_N_BATCHES);
}

TEST(OriginalClock, TheLimitEndsItWhileNothingIsMeasured) {
  OriginalClock clock(Seconds(20, 5), kBatch);
  clock.Begin(0);
  EXPECT_TRUE(clock.Stamp(5));
  EXPECT_EQ(clock.measured(), 0u);
  EXPECT_EQ(clock.stop_reason(), v1::STOP_REASON_LIMIT);
}

TEST(OriginalClock, WithoutTimeOrStepsItTakesTheOriginalsThirtySeconds) {
  v1::Limits limits;
  limits.set_max_seconds(600);
  limits.set_target_half_width(0.005);
  OriginalClock clock(limits, kBatch);
  clock.Begin(0);
  EXPECT_FALSE(clock.Stamp(1));
  EXPECT_FALSE(clock.Stamp(30.9));
  EXPECT_TRUE(clock.Stamp(31));
}

TEST(OriginalClock, EndsBeforeTheSamplesNoLongerFit) {
  OriginalClock clock(Batches(1000000000), 1u << 31);  // two steps would be 2^32 samples
  clock.Begin(0);
  EXPECT_FALSE(clock.Stamp(1));
  EXPECT_TRUE(clock.Stamp(2));
  EXPECT_EQ(clock.stop_reason(), v1::STOP_REASON_LIMIT);
}

/// A host whose clock goes on by what the script says: a step's time each, and a little with every look at it.
struct Host : Clock, TrainingStep {
  double Monotonic() const override { return now += 1e-4; }
  double Unix() const override { return 0; }
  void Run() override {
    if (steps == break_at) throw std::runtime_error("broken");
    now += steps == 0 ? 3.0 : 0.2;
    ++steps;
    if (steps == interrupt_at) interrupted = 15;
  }
  double Loss() override { return 0; }
  std::uint64_t ParameterCount() const override { return 1; }
  mutable double now = 50;
  int steps = 0;
  int break_at = -1;
  int interrupt_at = -1;
  std::atomic<int> interrupted{0};
};

struct Bench {
  explicit Bench(const v1::Limits& limits) : original(limits, kBatch) {}
  absl::Status Run() {
    const OriginalParts parts{host, original, host, host.interrupted, keep_warming};
    return RunOriginal(parts, kBatch, [this](const v1::Window& window) {
      EXPECT_TRUE(Validate(window, kBatch).ok()) << window.ShortDebugString();
      windows.push_back(window);
      summary.Add(window);
      return answer;
    });
  }
  Host host;
  OriginalClock original;
  std::function<bool()> keep_warming;
  std::vector<v1::Window> windows;
  Summary summary;
  absl::Status answer;
};

TEST(Original, ThroughputIsItemsOverTheTimeFromIterationZerosStampToTheClockAfterTheLoop) {
  Bench bench(Seconds(5));
  ASSERT_TRUE(bench.Run().ok());
  const double duration = bench.host.now - bench.original.started_at();
  EXPECT_EQ(bench.original.measured(), 25u);  // 0.2 s and a little each
  EXPECT_EQ(bench.host.steps, 26);
  EXPECT_NEAR(bench.summary.Throughput(), 25 * kBatch / duration, 1e-9);
}

TEST(Original, WindowsJoinWithoutGapsAndIterationZeroIsWarmUp) {
  Bench bench(Batches(10));
  ASSERT_TRUE(bench.Run().ok());
  ASSERT_GT(bench.windows.size(), 3u);
  EXPECT_TRUE(bench.windows[0].warm_up());
  EXPECT_EQ(bench.windows[0].steps(), 1u);
  std::uint32_t steps = 0;
  for (std::size_t i = 1; i < bench.windows.size(); ++i) {
    const v1::Window& before = bench.windows[i - 1];
    EXPECT_EQ(bench.windows[i].sequence(), i + 1);
    EXPECT_FALSE(bench.windows[i].warm_up());
    EXPECT_NEAR(bench.windows[i].start_seconds(), before.start_seconds() + before.seconds(), 1e-9);
    EXPECT_FALSE(bench.windows[i].has_drained_share());
    steps += bench.windows[i].steps();
  }
  EXPECT_EQ(steps, 10u);
}

TEST(Original, WarmingComesBeforeTheOriginalsClockAndIsNoPartOfWhatItMeasures) {
  Bench bench(Seconds(5, 20));
  bench.keep_warming = [&] { return bench.host.now < 90; };  // from 50 on, longer than the limit
  ASSERT_TRUE(bench.Run().ok());
  EXPECT_EQ(bench.original.stop_reason(), v1::STOP_REASON_SECONDS);
  EXPECT_EQ(bench.original.measured(), 25u);
  EXPECT_GE(bench.original.started_at(), 90);
  EXPECT_NEAR(bench.summary.Throughput(), 25 * kBatch / (bench.host.now - bench.original.started_at()), 1e-9);
  double warmed = 0;
  for (std::size_t i = 0; i < bench.windows.size(); ++i) {
    EXPECT_EQ(bench.windows[i].sequence(), i + 1);
    if (bench.windows[i].warm_up()) warmed += bench.windows[i].seconds();
  }
  EXPECT_GE(warmed, 40);
}

TEST(Original, AnInterruptEndsTheWarming) {
  Bench bench(Seconds(5));
  bench.keep_warming = [] { return true; };
  bench.host.interrupt_at = 3;
  ASSERT_TRUE(bench.Run().ok());
  EXPECT_EQ(bench.host.steps, 3);
  EXPECT_TRUE(bench.summary.empty());
}

TEST(Original, AnInterruptFinishesTheStep) {
  Bench bench(Seconds(100));
  bench.host.interrupt_at = 5;
  ASSERT_TRUE(bench.Run().ok());
  EXPECT_EQ(bench.host.steps, 5);
  std::uint32_t steps = 0;
  for (const v1::Window& window : bench.windows) steps += window.steps();
  EXPECT_EQ(steps, 5u);
}

TEST(Original, WhenTheLimitLeavesNothingToMeasureThereIsOnlyWarmUp) {
  Bench bench(Seconds(100, 2));
  ASSERT_TRUE(bench.Run().ok());
  EXPECT_EQ(bench.windows.size(), 1u);
  EXPECT_TRUE(bench.summary.empty());
}

TEST(Original, EndsWithTheReadersErrorAndPassesOnWhatAStepThrows) {
  Bench refused(Seconds(5));
  refused.answer = absl::UnavailableError("gone");
  EXPECT_EQ(refused.Run(), absl::UnavailableError("gone"));
  EXPECT_EQ(refused.windows.size(), 1u);
  Bench broken(Seconds(5));
  broken.host.break_at = 3;
  EXPECT_THROW((void)broken.Run(), std::runtime_error);
}

}  // namespace
}  // namespace rsg::trainer
