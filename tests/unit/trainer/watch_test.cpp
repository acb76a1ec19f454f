// From the fake NVML through the real loader, the real sampler's thread and the combining to the verdict.
#include "agent/trainer/telemetry/watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "nvml_script.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using Phase = Watch::Phase;

constexpr char kLimits[] = "limits enforced=350000 default=350000 max_sm=1980\n";
constexpr char kHealthy[] = "sm=1950 mem=9501 temp=61 power=300000 energy=+30000 used=1048576 gen=4 width=16";

std::string Healthy(const std::string& reasons, int times = 1) {
  return "reading times=" + std::to_string(times) + " reasons=" + reasons + " " + kHealthy + "\n";
}

/// A watch over the fake GPU, with readings a tenth of a second apart that happen when the test says so.
class Watched {
 public:
  explicit Watched(const std::string& lines, WatchOptions options = {}, double step = 0.1)
      : script_(lines), conductor_(step), step_(step) {
    options.reading_period = 0;
    watch_.emplace(conductor_.Conduct(script_.Open()), options, conductor_);
  }
  ~Watched() { conductor_.Release(); }

  /// A window of `readings` readings.
  v1::Window Window(int readings, bool warm_up = false) {
    conductor_.Let(readings);
    v1::Window window;
    window.set_steps(1);
    window.set_samples(100);
    window.set_warm_up(warm_up);
    window.set_seconds(readings * step_);
    window.set_wall_seconds(readings * step_);
    phase_ = watch_->Observe(&window);
    return window;
  }
  v1::Result Result(std::optional<double> drained = std::nullopt, bool steady = true, const std::string& why = "") {
    v1::Result result;
    result.set_throughput(100);
    result.set_ci_low(99);
    result.set_ci_high(101);
    if (drained) result.set_drained_share(*drained);
    watch_->Fill(&result, steady, why);
    return result;
  }
  Watch& watch() { return *watch_; }
  Phase phase() const { return phase_; }

 private:
  const NvmlScript script_;
  Conductor conductor_;
  const double step_;
  std::optional<Watch> watch_;
  Phase phase_ = Phase::kMeasuring;
};

TEST(Watch, AHealthyGpuIsValidAndItsTelemetryStandsInWindowsAndResult) {
  Watched watched(kLimits + Healthy("0"));
  const v1::Telemetry window = watched.Window(5).telemetry();
  EXPECT_EQ(window.readings(), 5u);
  EXPECT_NEAR(window.sm_clock_mhz(), 1950, 1e-9);
  EXPECT_NEAR(window.energy_joules(), 150, 1e-9) << "30 J a reading, 0.1 s each";
  watched.Window(5);
  const v1::Result result = watched.Result();
  EXPECT_EQ(result.verdict(), v1::VERDICT_VALID);
  EXPECT_EQ(result.evidence(), "SM clock 1950 of 1980 MHz, 61 °C");
  EXPECT_EQ(result.telemetry().readings(), 10u);
  EXPECT_NEAR(result.telemetry().energy_joules(), 300, 1e-9);
  EXPECT_NEAR(result.telemetry().power_watts(), 300, 1e-9);
  EXPECT_NEAR(result.telemetry().memory_clock_mhz(), 9501, 1e-9);
  EXPECT_EQ(result.telemetry().used_memory_mib(), 1u);
  EXPECT_EQ(result.telemetry().pcie_generation(), 4u);
  EXPECT_EQ(result.telemetry().pcie_width(), 16u);
  EXPECT_EQ(result.device_limits().power_limit_watts(), 350);
  EXPECT_FALSE(result.telemetry().has_cpu_mhz());
}

TEST(Watch, ACardAtItsDefaultLimitIsValidWithTheShareNoted) {
  Watched watched(kLimits + Healthy("0x4", 3) + Healthy("0") + "then repeat\n");
  watched.Window(8);
  EXPECT_EQ(watched.Result().verdict(), v1::VERDICT_VALID);
  EXPECT_THAT(watched.Result().evidence(), HasSubstr("at its default power limit of 350 W 75 % of the time"));
}

TEST(Watch, ALoweredLimitIsPowerLimited) {
  Watched watched("limits enforced=200000 default=350000 max_sm=1980\n" + Healthy("0x4"));
  watched.Window(5);
  EXPECT_EQ(watched.Result().verdict(), v1::VERDICT_POWER_LIMITED);
  EXPECT_EQ(watched.Result().evidence(),
            "power limit 200 W, 57 % of the card's default of 350 W, reached 100 % of the time");
}

TEST(Watch, ThermalSlowdownIsThrottled) {
  for (const char* reason : {"0x20", "0x40"}) {
    Watched watched(std::string(kLimits) + "reading times=7 sm=1350 temp=88 reasons=" + reason +
                    "\nreading times=5 sm=1350 temp=88 reasons=0\nthen repeat\n");
    watched.Window(24);
    EXPECT_EQ(watched.Result().verdict(), v1::VERDICT_THROTTLED);
    EXPECT_EQ(watched.Result().evidence(), "58 % of the time under thermal slowdown, SM clock 1350 of 1980 MHz");
  }
}

TEST(Watch, HardwareSlowdownAndPowerBrakeAreThrottled) {
  for (const char* reason : {"0x8", "0x80"}) {
    Watched watched(std::string(kLimits) + Healthy(reason, 3) + Healthy("0", 9) + "then repeat\n");
    watched.Window(12);
    EXPECT_EQ(watched.Result().verdict(), v1::VERDICT_THROTTLED);
    EXPECT_EQ(watched.Result().evidence(),
              "25 % of the time under hardware slowdown or power brake, SM clock 1950 of 1980 MHz");
  }
}

TEST(Watch, WarmUpIsNotJudged) {
  Watched watched(kLimits + Healthy("0x20", 6) + Healthy("0"));
  EXPECT_NEAR(watched.Window(6, /*warm_up=*/true).telemetry().thermal_share(), 1, 1e-9);
  watched.Window(10);
  EXPECT_EQ(watched.Result().verdict(), v1::VERDICT_VALID);
}

TEST(Watch, HostBoundAndUnstableComeFromTheSeries) {
  Watched watched(kLimits + Healthy("0"));
  watched.Window(5);
  EXPECT_EQ(watched.Result(0.63).verdict(), v1::VERDICT_HOST_BOUND);
  EXPECT_THAT(watched.Result(0.63).evidence(), HasSubstr("63 %"));
  EXPECT_EQ(watched.Result(0.1, false, "fell by 4 %").verdict(), v1::VERDICT_UNSTABLE);
  EXPECT_EQ(watched.Result(0.1, false, "fell by 4 %").evidence(), "fell by 4 %");
}

TEST(Watch, NvmlThatFailsHalfWayIsJudgedByTheFirstHalf) {
  Watched watched(std::string(kLimits) + "reading times=6 sm=1500 temp=88 reasons=0x20\n" +
                  "reading sm=!15 temp=!15 reasons=!15\n");
  watched.Window(5);
  watched.Window(5);  // the last good reading holds into it
  EXPECT_FALSE(watched.Window(5).telemetry().has_temperature_celsius());
  const v1::Result result = watched.Result();
  EXPECT_EQ(result.verdict(), v1::VERDICT_THROTTLED);
  EXPECT_EQ(result.evidence(), "100 % of the time under thermal slowdown, SM clock 1500 of 1980 MHz");
  EXPECT_EQ(result.telemetry().readings(), 15u);
}

TEST(Watch, AGpuThatTellsNothingIsMeasuredAllTheSame) {
  Watched watched("");
  EXPECT_EQ(watched.Window(5).telemetry().readings(), 5u);
  const v1::Result result = watched.Result();
  EXPECT_EQ(result.verdict(), v1::VERDICT_VALID);
  EXPECT_FALSE(result.has_device_limits());
}

TEST(Watch, AGpuWhoseStateIsNotReadSaysSo) {
  Watched watched("", {.unread = std::string(2000, 'x')});
  watched.Window(5);
  const std::string evidence = watched.Result().evidence();
  EXPECT_THAT(evidence, HasSubstr("; the GPU's state was not read: xxx"));
  EXPECT_LT(evidence.size(), 600u) << "a result may have 1 KiB";
}

TEST(Watch, ASoakStandsBesideTheMeasurement) {
  Watched watched(kLimits + Healthy("0", 10) + Healthy("0x20"), {.soak_seconds = 2});
  watched.Window(10);
  EXPECT_EQ(watched.phase(), Phase::kMeasuring);
  EXPECT_FALSE(watched.Result().has_sustained_throughput());
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(watched.watch().KeepSoaking());
    watched.Window(5, /*warm_up=*/true);
    EXPECT_EQ(watched.phase(), Phase::kSoaking);
    EXPECT_NEAR(watched.watch().SoakShare(), 0.25 * (i + 1), 1e-9);
  }
  EXPECT_FALSE(watched.watch().KeepSoaking());
  const v1::Result result = watched.Result();
  EXPECT_EQ(result.verdict(), v1::VERDICT_VALID) << "the measurement was in order";
  EXPECT_NEAR(result.soak_seconds(), 2, 1e-9);
  EXPECT_NEAR(result.sustained_throughput(), 200, 1e-9);
  EXPECT_THAT(result.evidence(), HasSubstr("; in the soak 100 % of the time under thermal slowdown"));
  EXPECT_EQ(result.telemetry().readings(), 10u);
}

/// A file in which a gate remembers, absent at first.
class GateFile {
 public:
  GateFile() : path_(testing::TempDir() + "thermal_" + std::to_string(getpid())) { std::filesystem::remove(path_); }
  ~GateFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

/// Trains in windows of half a second while the gate wants it; seconds.
double Warm(Watched* watched) {
  int windows = 0;
  for (; windows < 1000 && watched->watch().KeepWarming(); ++windows) {
    watched->Window(1, /*warm_up=*/true);
    EXPECT_EQ(watched->phase(), Phase::kWarming);
  }
  EXPECT_FALSE(watched->watch().KeepWarming());
  return windows * 0.5;
}

/// A GPU that heats up by a degree every second up to `to`, read every half second.
std::string HeatingTo(int from, int to) {
  std::string lines;
  for (int celsius = from; celsius < to; ++celsius) lines += "reading times=2 temp=" + std::to_string(celsius) + "\n";
  return lines + "reading temp=" + std::to_string(to) + "\n";
}

TEST(Watch, TheGateWarmsAColdGpuUntilItSettlesAndRemembers) {
  const GateFile file;
  Watched watched(HeatingTo(40, 70), {.thermal_gate = file.path()}, 0.5);
  const double seconds = Warm(&watched);
  EXPECT_GT(seconds, 30 + 10);  // settled once the last 20 s are flat, or all but
  EXPECT_LE(seconds, 30 + 20.5);
  EXPECT_TRUE(watched.watch().GateStatus().ok());
  ASSERT_TRUE(ReadSettledTemperature(file.path()));
  EXPECT_NEAR(*ReadSettledTemperature(file.path()), 70, 0.5);
  watched.Window(1);
  EXPECT_EQ(watched.phase(), Phase::kMeasuring);
}

TEST(Watch, TheGateLetsAWarmGpuPassAndWarmsACooledOneUntilItIsNear) {
  const GateFile file;
  ASSERT_TRUE(WriteSettledTemperature(file.path(), 70).ok());
  {
    Watched watched(HeatingTo(66, 70), {.thermal_gate = file.path()}, 0.5);
    EXPECT_EQ(Warm(&watched), 0);
  }
  Watched watched(HeatingTo(50, 70), {.thermal_gate = file.path()}, 0.5);
  EXPECT_NEAR(Warm(&watched), 15, 0.5);
  EXPECT_EQ(ReadSettledTemperature(file.path()), 70);
}

TEST(Watch, ADeviceThatAHeavierRunHeatedUpIsRememberedHotter) {
  const GateFile file;
  ASSERT_TRUE(WriteSettledTemperature(file.path(), 50).ok());
  Watched watched(HeatingTo(48, 70), {.thermal_gate = file.path()}, 0.5);
  EXPECT_EQ(Warm(&watched), 0);
  watched.Window(5);
  watched.watch().RememberWarmth();
  EXPECT_EQ(ReadSettledTemperature(file.path()), 50) << "within what passes the gate";
  watched.Window(50);
  watched.watch().RememberWarmth();
  EXPECT_EQ(ReadSettledTemperature(file.path()), 70);
}

TEST(Watch, WithoutAThermometerThereIsNoGate) {
  const GateFile file;
  Watched watched("reading sm=1900\n", {.thermal_gate = file.path()}, 0.5);
  EXPECT_NEAR(Warm(&watched), kBlindSeconds, 0.5);
  EXPECT_FALSE(std::filesystem::exists(file.path()));
}

TEST(Watch, WithoutAFileThereIsNoGate) {
  Watched watched(HeatingTo(40, 70));
  EXPECT_EQ(Warm(&watched), 0);
}

TEST(Watch, AFileThatCannotBeWrittenIsSaidAndEndsNothing) {
  Watched watched("reading temp=70\n", {.thermal_gate = "/nowhere/thermal"}, 0.5);
  EXPECT_NEAR(Warm(&watched), kSettledSeconds, 1);
  EXPECT_FALSE(watched.watch().GateStatus().ok());
}

TEST(SettledTemperature, NonsenseIsNoTemperature) {
  const GateFile file;
  for (const char* text : {"", "warm", "-3\n", "151\n", "nan\n", "inf\n"}) {
    std::ofstream(file.path()) << text;
    EXPECT_FALSE(ReadSettledTemperature(file.path())) << text;
  }
  ASSERT_TRUE(WriteSettledTemperature(file.path(), 71.46).ok());
  EXPECT_EQ(ReadSettledTemperature(file.path()), 71.5);
}

}  // namespace
}  // namespace rsg::trainer
