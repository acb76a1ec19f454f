// A host that keeps its device waiting is found out by what the queue says, not by the clocks.
#include "agent/trainer/device/queue_watch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "agent/trainer/measure/drained_share.hpp"
#include "agent/trainer/measure/loop.hpp"
#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

/// Two clocks: the host's, and the time at which the device will have done all that is queued.
struct Machine : Clock {
  mutable double host = 100;
  double device_free_at = 0;
  double Monotonic() const override { return host += 1e-6; }  // no clock stands still
  double Unix() const override { return 0; }
};

struct ScriptedMark : Mark {
  ScriptedMark(Machine* m, double t) : machine(m), time(t) {}
  void Wait() override { machine->host = std::max(machine->host, time); }
  double SecondsSince(Mark& earlier) override { return time - static_cast<ScriptedMark&>(earlier).time; }
  Machine* machine;
  double time;
};

struct ScriptedDevice : Device {
  ScriptedDevice(Machine* m, bool has_queue) : machine(m), queue(has_queue) {}
  const std::string& torch_name() const override { return text; }
  const DeviceIdentity& identity() const override { return id; }
  std::unique_ptr<Mark> MakeMark() override {
    machine->device_free_at = std::max(machine->device_free_at, machine->host);
    return std::make_unique<ScriptedMark>(machine, machine->device_free_at);
  }
  std::size_t QueueAhead() const override { return queue ? 1 : 0; }
  std::optional<bool> Drained() override {
    if (!queue) return std::nullopt;
    return machine->device_free_at <= machine->host;
  }
  void LimitMemory(std::uint32_t) override {}
  std::uint32_t PeakMemoryMib() override { return 0; }
  std::uint32_t HostThreads() const override { return 1; }
  std::string CudnnVersion() const override { return ""; }
  Machine* machine;
  bool queue;
  std::string text = "scripted";
  DeviceIdentity id;
};

/// Forward, backward and update, each launched in `host_seconds` and computed in `device_seconds`.
struct ScriptedStep : TrainingStep {
  ScriptedStep(Machine* m, Device* device, double host_time, double device_time)
      : machine(m), watch(*device), host_seconds(host_time), device_seconds(device_time) {}
  void Run() override {
    for (int part = 0; part < 3; ++part) {
      watch.Ask();
      machine->device_free_at = std::max(machine->device_free_at, machine->host) + device_seconds;
      machine->host += host_seconds;  // on its way to the next launch
    }
  }
  double Loss() override { return 0; }
  std::uint64_t ParameterCount() const override { return 1; }
  QueueQueries TakeQueries() override { return watch.Take(); }
  Machine* machine;
  QueueWatch watch;
  double host_seconds;
  double device_seconds;
};

struct Outcome {
  std::vector<v1::Window> windows;
  v1::Result result;
};

Outcome Train(double host_seconds, double device_seconds, bool has_queue = true) {
  Machine machine;
  ScriptedDevice device(&machine, has_queue);
  ScriptedStep step(&machine, &device, host_seconds, device_seconds);
  v1::Limits limits;
  limits.set_seconds(5);
  limits.set_max_seconds(1000);
  Pacer pacer(limits, 4);
  const std::atomic<int> interrupted{0};
  Outcome outcome;
  DrainedShare share;
  EXPECT_TRUE(RunWindows({step, device, pacer, machine, interrupted}, 4, [&](const v1::Window& window) {
                EXPECT_TRUE(Validate(window, 4).ok()) << window.ShortDebugString();
                outcome.windows.push_back(window);
                share.Add(window);
                return absl::OkStatus();
              }).ok());
  share.Fill(&outcome.result);
  return outcome;
}

TEST(QueueWatch, AHostThatSleepsBetweenLaunchesIsFoundOutThoughEventsAgreeWithTheWall) {
  const Outcome outcome = Train(/*host_seconds=*/0.02, /*device_seconds=*/0.005);
  double seconds = 0;
  double wall_seconds = 0;
  for (const v1::Window& window : outcome.windows) {
    seconds += window.seconds();
    wall_seconds += window.wall_seconds();
    if (!window.warm_up()) {
      EXPECT_GT(window.drained_share(), 0.9);
    }
  }
  EXPECT_NEAR(seconds / wall_seconds, 1, 0.02);  // nothing to be seen there
  EXPECT_GT(outcome.result.drained_share(), 0.9);
}

TEST(QueueWatch, ABusyDeviceIsNeverFoundDrained) {
  const Outcome outcome = Train(/*host_seconds=*/0.001, /*device_seconds=*/0.02);
  EXPECT_EQ(outcome.result.drained_share(), 0);
  EXPECT_TRUE(outcome.result.has_drained_share());
}

TEST(QueueWatch, ADeviceWithoutAQueueSaysNothing) {
  const Outcome outcome = Train(0.02, 0, /*has_queue=*/false);
  for (const v1::Window& window : outcome.windows) EXPECT_FALSE(window.has_drained_share());
  EXPECT_FALSE(outcome.result.has_drained_share());
}

TEST(QueueWatch, TakesWhatItCountedOnce) {
  Machine machine;
  ScriptedDevice device(&machine, true);
  QueueWatch watch(device);
  watch.Ask();
  machine.device_free_at = machine.host + 1;
  watch.Ask();
  const QueueQueries queries = watch.Take();
  EXPECT_EQ(queries.asked, 2u);
  EXPECT_EQ(queries.drained, 1u);
  EXPECT_EQ(watch.Take().asked, 0u);
}

TEST(DrainedShare, WindowsCountByTheirStepsAndWarmUpNot) {
  DrainedShare share;
  const auto add = [&](std::uint32_t steps, double drained, bool warm_up) {
    v1::Window window;
    window.set_steps(steps);
    window.set_drained_share(drained);
    window.set_warm_up(warm_up);
    share.Add(window);
  };
  add(100, 1, true);
  add(30, 1, false);
  add(10, 0, false);
  v1::Result result;
  share.Fill(&result);
  EXPECT_DOUBLE_EQ(result.drained_share(), 0.75);
}

}  // namespace
}  // namespace rsg::trainer
