#include "agent/trainer/measure/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

constexpr std::uint32_t kBatch = 4;

/// A machine with two clocks: the host's, and the time at which the device will have done all that is queued.
struct FakeMachine : Clock {
  double host = 100;
  double device_free_at = 0;
  double Monotonic() const override { return host; }
  double Unix() const override { return 0; }
};

struct FakeMark : Mark {
  FakeMark(FakeMachine* m, double t) : machine(m), time(t) {}
  void Wait() override { machine->host = std::max(machine->host, time); }
  double SecondsSince(Mark& earlier) override { return time - static_cast<FakeMark&>(earlier).time; }
  FakeMachine* machine;
  double time;
};

/// With `ahead` 0 the device is the host itself, as a CPU is.
struct FakeDevice : Device {
  FakeDevice(FakeMachine* m, std::size_t a) : machine(m), ahead(a) {}
  const std::string& torch_name() const override { return text; }
  const DeviceIdentity& identity() const override { return id; }
  std::unique_ptr<Mark> MakeMark() override {
    // A device that ran dry waits for the host: its clock is the later of both.
    machine->device_free_at = std::max(machine->device_free_at, machine->host);
    return std::make_unique<FakeMark>(machine, machine->device_free_at);
  }
  std::size_t QueueAhead() const override { return ahead; }
  void LimitMemory(std::uint32_t) override {}
  std::uint32_t PeakMemoryMib() override { return 0; }
  std::uint32_t HostThreads() const override { return 1; }
  std::string CudnnVersion() const override { return ""; }
  FakeMachine* machine;
  std::size_t ahead;
  std::string text = "fake";
  DeviceIdentity id;
};

struct FakeStep : TrainingStep {
  FakeStep(FakeMachine* m, double host_time, double device_time)
      : machine(m), host_seconds(host_time), device_seconds(device_time) {}
  void Run() override {
    ++steps;
    if (on_step) on_step();
    machine->host += host_seconds;
    machine->device_free_at = std::max(machine->device_free_at, machine->host) + device_seconds;
  }
  double Loss() override { return 0; }
  std::uint64_t ParameterCount() const override { return 1; }
  FakeMachine* machine;
  double host_seconds;
  double device_seconds;
  int steps = 0;
  std::function<void()> on_step;
};

struct Bench {
  Bench(std::size_t ahead, double host_seconds, double device_seconds, double seconds)
      : device(&machine, ahead), step(&machine, host_seconds, device_seconds), pacer(LimitsOf(seconds), kBatch) {}
  static v1::Limits LimitsOf(double seconds) {
    v1::Limits limits;
    limits.set_seconds(seconds);
    limits.set_max_seconds(1000);
    return limits;
  }
  absl::Status Run() {
    LoopParts parts{step, device, pacer, machine, interrupted};
    parts.keep_warming = keep_warming;
    parts.keep_soaking = keep_soaking;
    return RunWindows(parts, kBatch, [this](const v1::Window& window) {
      windows.push_back(window);
      return on_window ? on_window() : absl::OkStatus();
    });
  }
  FakeMachine machine;
  FakeDevice device;
  FakeStep step;
  Pacer pacer;
  std::atomic<int> interrupted{0};
  std::function<absl::Status()> on_window;
  std::function<bool()> keep_warming;
  std::function<bool()> keep_soaking;
  std::vector<v1::Window> windows;
};

TEST(Loop, CpuWindowsHoldTheStepsAndNothingElse) {
  Bench bench(0, 0.02, 0, 3);
  bench.on_window = [&] {
    bench.machine.host += 7;  // a slow reader
    return absl::OkStatus();
  };
  ASSERT_TRUE(bench.Run().ok());
  std::uint32_t sequence = 0;
  for (const v1::Window& window : bench.windows) {
    EXPECT_TRUE(Validate(window, kBatch).ok()) << window.ShortDebugString();
    EXPECT_EQ(window.sequence(), ++sequence);
    EXPECT_NEAR(window.seconds(), 0.02 * window.steps(), 1e-9);
    EXPECT_NEAR(window.wall_seconds(), 0.02 * window.steps(), 1e-9);
  }
  EXPECT_NEAR(bench.pacer.measured_seconds(), 3, 0.02);
}

TEST(Loop, AQueueNeverRunsDryBetweenWindows) {
  Bench bench(1, 0.001, 0.02, 3);
  ASSERT_TRUE(bench.Run().ok());
  ASSERT_GT(bench.windows.size(), 6u);
  for (std::size_t i = 2; i < bench.windows.size(); ++i) {
    const v1::Window& before = bench.windows[i - 1];
    EXPECT_NEAR(bench.windows[i].start_seconds(), before.start_seconds() + before.seconds(), 1e-9) << i;
    EXPECT_NEAR(bench.windows[i].seconds(), 0.02 * bench.windows[i].steps(), 1e-9) << i;
    EXPECT_NEAR(bench.windows[i].wall_seconds(), bench.windows[i].seconds(), 0.01) << i;
  }
}

TEST(Loop, AHostThatStallsBetweenWindowsCostsTheDeviceNothing) {
  Bench bench(1, 0.001, 0.02, 3);
  bench.on_window = [&] {
    bench.machine.host += 7;
    return absl::OkStatus();
  };
  ASSERT_TRUE(bench.Run().ok());
  // At most the way of the first step to the idle device is in a window.
  for (const v1::Window& window : bench.windows) EXPECT_NEAR(window.seconds(), 0.02 * window.steps(), 0.0011);
}

TEST(Loop, AHostBoundDeviceShowsTheHostsTime) {
  Bench bench(1, 0.05, 0.02, 3);
  ASSERT_TRUE(bench.Run().ok());
  for (const v1::Window& window : bench.windows) EXPECT_NEAR(window.seconds(), 0.05 * window.steps(), 0.031);
}

TEST(Loop, AnInterruptFinishesTheStepAndReportsWhatWasDone) {
  for (const std::size_t ahead : {0, 1}) {
    Bench bench(ahead, 0.01, 0.01, 30);
    bench.step.on_step = [&] {
      if (bench.step.steps == 120) bench.interrupted = 15;
    };
    ASSERT_TRUE(bench.Run().ok());
    EXPECT_EQ(bench.step.steps, 120);
    std::uint32_t steps = 0;
    for (const v1::Window& window : bench.windows) steps += window.steps();
    EXPECT_EQ(steps, 120u);
  }
}

TEST(Loop, AnInterruptBeforeTheFirstStepGivesNoWindow) {
  Bench bench(1, 0.01, 0.01, 30);
  bench.interrupted = 2;
  ASSERT_TRUE(bench.Run().ok());
  EXPECT_EQ(bench.step.steps, 0);
  EXPECT_TRUE(bench.windows.empty());
}

TEST(Loop, EndsWithTheReadersError) {
  Bench bench(0, 0.01, 0, 30);
  bench.on_window = [&] { return bench.windows.size() == 3 ? absl::UnavailableError("gone") : absl::OkStatus(); };
  EXPECT_EQ(bench.Run(), absl::UnavailableError("gone"));
  EXPECT_EQ(bench.windows.size(), 3u);
}

TEST(Loop, WhatAStepThrowsPassesThrough) {
  Bench bench(0, 0.01, 0, 30);
  bench.step.on_step = [&] {
    if (bench.step.steps == 5) throw std::runtime_error("broken");
  };
  EXPECT_THROW((void)bench.Run(), std::runtime_error);
}

TEST(Loop, WarmingComesBeforeTheMeasurementAndOutsideItsTime) {
  for (const std::size_t ahead : {0, 1}) {
    Bench bench(ahead, 0.01, ahead == 0 ? 0 : 0.02, 3);
    const double start = bench.machine.host;
    bench.keep_warming = [&] { return bench.machine.host < start + 2000; };  // longer than the limit
    ASSERT_TRUE(bench.Run().ok());
    EXPECT_NEAR(bench.pacer.measured_seconds(), 3, 0.05);
    EXPECT_EQ(bench.pacer.stop_reason(), v1::STOP_REASON_SECONDS);
    EXPECT_GT(bench.windows.back().start_seconds(), 2000);
    std::uint32_t sequence = 0;
    for (const v1::Window& window : bench.windows) {
      EXPECT_TRUE(Validate(window, kBatch).ok()) << window.ShortDebugString();
      EXPECT_EQ(window.sequence(), ++sequence);
      if (window.start_seconds() < 1990) {
        EXPECT_TRUE(window.warm_up());
        EXPECT_LE(window.seconds(), kLongestWindow + 0.021);
        EXPECT_TRUE(sequence <= 3 || window.seconds() >= kLongestWindow - 0.021) << window.seconds();
      }
    }
  }
}

TEST(Loop, ASoakComesAfterTheLastMeasuredWindow) {
  for (const std::size_t ahead : {0, 1}) {
    Bench bench(ahead, 0.01, ahead == 0 ? 0 : 0.02, 3);
    std::size_t measured = 0;  // windows when the soak was first asked for
    double begin = 0;
    bench.keep_soaking = [&] {
      if (measured == 0) begin = bench.machine.host;
      if (measured == 0) measured = bench.windows.size();
      return bench.machine.host < begin + 10;
    };
    ASSERT_TRUE(bench.Run().ok());
    ASSERT_GT(bench.windows.size(), measured + 15);
    EXPECT_FALSE(bench.windows[measured - 1].warm_up());
    for (std::size_t i = measured; i < bench.windows.size(); ++i) EXPECT_TRUE(bench.windows[i].warm_up());
    EXPECT_NEAR(bench.pacer.measured_seconds(), 3, 0.05);
  }
}

TEST(Loop, AnInterruptEndsWarmingAndSoak) {
  Bench warming(1, 0.01, 0.02, 3);
  warming.keep_warming = [&] { return true; };
  warming.step.on_step = [&] {
    if (warming.step.steps == 200) warming.interrupted = 2;
  };
  ASSERT_TRUE(warming.Run().ok());
  EXPECT_EQ(warming.step.steps, 200);
  Bench soaking(1, 0.01, 0.02, 3);
  soaking.keep_soaking = [&] {
    if (soaking.windows.size() > 50) soaking.interrupted = 2;
    return true;
  };
  ASSERT_TRUE(soaking.Run().ok());
  EXPECT_NEAR(soaking.pacer.measured_seconds(), 3, 0.05);
}

}  // namespace
}  // namespace rsg::trainer
