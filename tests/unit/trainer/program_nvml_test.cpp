// rsg-trainer beside a GPU's management library: verdicts, thermal gate, soak.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "child.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The program trains on the CPU and reads the fake GPU.
class ProgramWithNvml : public ::testing::Test {
 protected:
  ProgramWithNvml() {
    setenv("RSG_NVML", RSG_FAKE_NVML, 1);
    setenv("RSG_NVML_DEVICE", "GPU-fake", 1);
    setenv("RSG_FAKE_NVML_SCRIPT", script_.c_str(), 1);
  }
  ~ProgramWithNvml() override {
    for (const char* name : {"RSG_NVML", "RSG_NVML_DEVICE", "RSG_FAKE_NVML_SCRIPT"}) unsetenv(name);
    std::filesystem::remove(script_);
    std::filesystem::remove(gate_);
  }
  /// The result of a short run.
  v1::Result Run(const std::string& script, std::vector<std::string> more = {}) {
    std::ofstream(script_) << "device GPU-fake\n" << script;
    more.insert(more.end(), {"--seconds", "1", "--json-lines", "3"});
    const Ended ended = RunTrainer(Tiny(more));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    out_ = ended.out;
    events_ = EventsOf(ended);
    return events_.empty() ? v1::Result() : events_.back().finished().result();
  }
  const std::string script_ = testing::TempDir() + "program_nvml_" + std::to_string(getpid());
  const std::string gate_ = script_ + "_gate";
  std::string out_;
  std::vector<v1::TrainerEvent> events_;
};

TEST_F(ProgramWithNvml, AThrottledRunIsMarkedAndItsWindowsShowIt) {
  const v1::Result result =
      Run("limits enforced=350000 default=350000 max_sm=1980\n"
          "reading sm=1350 temp=88 power=250000 energy=+25000 reasons=0x20\n");
  EXPECT_EQ(result.verdict(), v1::VERDICT_THROTTLED);
  // A second on a busy machine may also be too short to know the number well, which is then said after it.
  EXPECT_THAT(result.evidence(), StartsWith("100 % of the time under thermal slowdown, SM clock 1350 of 1980 MHz"));
  EXPECT_GE(result.telemetry().readings(), 2u);
  EXPECT_EQ(result.device_limits().max_sm_clock_mhz(), 1980);
  EXPECT_THAT(out_, HasSubstr("verdict        THROTTLED: 100 % of the time under thermal slowdown"));
  // A window may fall between two readings: it then has none of its own.
  std::uint32_t windows_with_readings = 0;
  for (const v1::TrainerEvent& event : events_) {
    if (!event.has_window() || event.window().telemetry().readings() == 0) continue;
    ++windows_with_readings;
    EXPECT_EQ(event.window().telemetry().sm_clock_mhz(), 1350);
  }
  EXPECT_GE(windows_with_readings, 2u);
}

TEST_F(ProgramWithNvml, APowerLimitIsSaid) {
  const v1::Result result = Run("limits enforced=200000 default=350000 max_sm=1980\nreading sm=1500 reasons=0x4\n");
  EXPECT_EQ(result.verdict(), v1::VERDICT_POWER_LIMITED);
  EXPECT_THAT(result.evidence(), HasSubstr("power limit 200 W, 57 % of the card's default of 350 W"));
}

TEST_F(ProgramWithNvml, NvmlThatDoesNotStartIsSaidAndTheCpuReadInstead) {
  const v1::Result result = Run("init 9\n");
  EXPECT_FALSE(result.has_device_limits());
  EXPECT_TRUE(result.telemetry().has_cpu_load());
  EXPECT_THAT(result.evidence(), HasSubstr("; the GPU's state was not read: "));
}

TEST_F(ProgramWithNvml, TellsTheVersionOfADriverInAnUnusualPlace) {
  if (std::filesystem::exists("/sys/module/nvidia/version")) GTEST_SKIP() << "the kernel's module tells it";
  EXPECT_THAT(RunTrainer({"info", "--json"}).out, HasSubstr("\"driver_version\":\"580.65.06\""));
}

TEST_F(ProgramWithNvml, AWarmDevicePassesTheGateAndASoakFollows) {
  std::ofstream(gate_) << "60\n";
  const v1::Result result = Run("reading sm=1900 temp=58 reasons=0\n", {"--thermal-gate", gate_, "--soak", "1"});
  EXPECT_LT(result.warm_up_seconds(), 15);  // the gate alone would take kSettledSeconds
  EXPECT_GE(result.soak_seconds(), 1);
  EXPECT_GT(result.sustained_throughput(), 0);
  EXPECT_THAT(out_, HasSubstr("sustained      "));
  EXPECT_TRUE(events_[events_.size() - 2].window().warm_up()) << "a soak is no part of the measurement";
}

TEST_F(ProgramWithNvml, AColdDeviceIsWarmedUntilItIsNear) {
  std::ofstream(gate_) << "60\n";
  for (const char* mode : {"standard", "original"}) {
    // Below 55 °C for the first two seconds.
    const v1::Result result =
        Run("reading times=20 temp=50\nreading temp=56\n", {"--thermal-gate", gate_, "--mode", mode});
    double warmed = 0;
    for (const v1::TrainerEvent& event : events_) {
      const v1::Telemetry& state = event.window().telemetry();  // a short window may have none
      if (event.window().warm_up() && state.has_temperature_celsius() && state.temperature_celsius() < 55)
        warmed += event.window().seconds();
    }
    EXPECT_GT(warmed, 1) << mode;
    // In mode original it is the gate's windows and one step, whose reading may still be a cold one.
    EXPECT_GE(result.warm_up_seconds(), warmed - 1e-9) << mode;
  }
}

}  // namespace
}  // namespace rsg::trainer
