#include "agent/trainer/telemetry/combine.hpp"

#include <gtest/gtest.h>

namespace rsg::trainer {
namespace {

Reading At(double time) {
  Reading reading;
  reading.time = time;
  return reading;
}

Reading Clocked(double time, double mhz, std::uint64_t reasons = 0) {
  Reading reading = At(time);
  reading.sm_clock_mhz = mhz;
  reading.clock_reasons = reasons;
  return reading;
}

Reading Counted(double time, double joules) {
  Reading reading = At(time);
  reading.energy_joules = joules;
  return reading;
}

TEST(WindowTelemetry, WeighsAReadingByTheTimeThatItHolds) {
  WindowTelemetry readings;
  readings.Add(Clocked(9.9, 1000));  // holds into the window for 0.1 s
  readings.Add(Clocked(10.1, 2000, kSoftwareThermal));
  readings.Add(Clocked(10.4, 1500, kHardwareSlowdown | kSoftwarePowerCap));
  const v1::Telemetry telemetry = readings.Take(10, 10.5);
  EXPECT_EQ(telemetry.readings(), 2u);
  EXPECT_NEAR(telemetry.sm_clock_mhz(), (0.1 * 1000 + 0.3 * 2000 + 0.1 * 1500) / 0.5, 1e-9);
  EXPECT_NEAR(telemetry.thermal_share(), 0.6, 1e-9);
  EXPECT_NEAR(telemetry.hardware_share(), 0.2, 1e-9);
  EXPECT_NEAR(telemetry.power_cap_share(), 0.2, 1e-9);
  EXPECT_FALSE(telemetry.has_temperature_celsius());
  EXPECT_FALSE(telemetry.has_energy_joules());
  EXPECT_FALSE(telemetry.has_cpu_mhz());
}

TEST(WindowTelemetry, EveryThermalAndHardwareReasonCounts) {
  for (const std::uint64_t reason : {kSoftwareThermal, kHardwareThermal}) {
    WindowTelemetry readings;
    readings.Add(Clocked(0.1, 1, reason));
    EXPECT_EQ(readings.Take(0, 1).thermal_share(), 1) << reason;
  }
  for (const std::uint64_t reason : {kHardwareSlowdown, kHardwarePowerBrake}) {
    WindowTelemetry readings;
    readings.Add(Clocked(0.1, 1, reason));
    const v1::Telemetry telemetry = readings.Take(0, 1);
    EXPECT_EQ(telemetry.hardware_share(), 1) << reason;
    EXPECT_EQ(telemetry.thermal_share(), 0) << reason;
  }
}

TEST(WindowTelemetry, TheNextWindowBeginsWithTheLastReading) {
  WindowTelemetry readings;
  readings.Add(Clocked(0.2, 1000));
  readings.Add(Clocked(0.9, 3000));
  EXPECT_EQ(readings.Take(0, 0.5).sm_clock_mhz(), 1000);
  const v1::Telemetry second = readings.Take(0.5, 1.0);
  EXPECT_EQ(second.readings(), 1u);
  EXPECT_NEAR(second.sm_clock_mhz(), (0.4 * 1000 + 0.1 * 3000) / 0.5, 1e-9);
}

TEST(WindowTelemetry, AWindowWithoutAReadingHasNone) {
  WindowTelemetry readings;
  EXPECT_EQ(readings.Take(0, 1).ByteSizeLong(), 0u);
  readings.Add(Clocked(1.5, 1000));
  EXPECT_EQ(readings.Take(1, 2).readings(), 1u);
  EXPECT_EQ(readings.Take(2, 2.05).ByteSizeLong(), 0u);
  readings.Add(Clocked(9, 1000));
  EXPECT_EQ(readings.Take(7, 8).ByteSizeLong(), 0u) << "the reading is later";
}

TEST(WindowTelemetry, AReaderThatHangsDoesNotSpeakForTheTimeSince) {
  WindowTelemetry readings;
  readings.Add(Clocked(0, 1000, kSoftwareThermal));
  readings.Add(Clocked(10, 2000));
  // The first holds for one second only, and the last for half a second.
  EXPECT_NEAR(readings.Take(0.5, 10.5).thermal_share(), 0.5, 1e-9);
}

TEST(WindowTelemetry, EnergyIsTheCountersRateOverTheWindow) {
  WindowTelemetry readings;
  readings.Add(Counted(9.95, 1000));
  readings.Add(Counted(10.15, 1060));
  readings.Add(Counted(10.45, 1150));
  readings.Add(Counted(10.55, 1180));
  EXPECT_NEAR(readings.Take(10, 10.5).energy_joules(), 300 * 0.5, 1e-9);
  readings.Add(Counted(10.75, 1300));
  EXPECT_NEAR(readings.Take(10.5, 10.8).energy_joules(), (1300 - 1150) / 0.3 * 0.3, 1e-9);
}

TEST(WindowTelemetry, ACounterThatBeganAnewJumpedOrStoppedGivesNoEnergy) {
  WindowTelemetry readings;
  readings.Add(Counted(0, 5000));
  readings.Add(Counted(0.5, 10));
  EXPECT_FALSE(readings.Take(0, 1).has_energy_joules());
  readings.Add(Counted(1.5, 1e9));
  EXPECT_FALSE(readings.Take(1, 2).has_energy_joules());
  readings.Add(At(2.5));
  EXPECT_FALSE(readings.Take(2, 3).has_energy_joules());
}

TEST(WindowTelemetry, EnergyDoesNotReachBackPastAStall) {
  WindowTelemetry readings;
  readings.Add(Counted(0, 0));
  readings.Add(Counted(50.1, 100));
  readings.Add(Counted(50.4, 190));
  EXPECT_NEAR(readings.Take(50, 50.5).energy_joules(), 300 * 0.5, 1e-9);
}

TEST(WindowTelemetry, LoadIsTheShareOfBusyTimeBetweenReadings) {
  WindowTelemetry readings;
  for (int i = 0; i <= 5; ++i) {
    Reading reading = At(i * 0.1);
    reading.cpu_time = {.busy = 100.0 + i * 15, .total = 5000.0 + i * 20};
    reading.cpu_mhz = 2000;
    readings.Add(reading);
  }
  const v1::Telemetry telemetry = readings.Take(0, 0.5);
  EXPECT_NEAR(telemetry.cpu_load(), 0.75, 1e-9);
  EXPECT_NEAR(telemetry.cpu_mhz(), 2000, 1e-9);
}

TEST(WindowTelemetry, WaitingIsAShareOfTheTimeBetweenReadings) {
  WindowTelemetry readings;
  for (int i = 0; i <= 5; ++i) {
    Reading reading = At(i * 0.1);
    reading.cpu_wait_seconds = 7 + i * 0.03;
    readings.Add(reading);
  }
  EXPECT_NEAR(readings.Take(0, 0.5).cpu_wait_share(), 0.3, 1e-9);
  Reading reading = At(0.6);
  reading.cpu_wait_seconds = 9;  // of several threads in turn, and read late
  readings.Add(reading);
  EXPECT_EQ(readings.Take(0.5, 0.7).cpu_wait_share(), 1);
  readings.Add(At(0.8));
  EXPECT_FALSE(readings.Take(0.7, 0.9).has_cpu_wait_share());
}

TEST(WindowTelemetry, MemoryIsTheHighestAndTheLinkTheLast) {
  WindowTelemetry readings;
  Reading reading = At(0.1);
  reading.used_memory_mib = 900;
  reading.pcie_generation = 1;
  reading.pcie_width = 16;
  readings.Add(reading);
  reading.time = 0.2;
  reading.used_memory_mib = 700;
  reading.pcie_generation = 4;
  readings.Add(reading);
  const v1::Telemetry telemetry = readings.Take(0, 1);
  EXPECT_EQ(telemetry.used_memory_mib(), 900u);
  EXPECT_EQ(telemetry.pcie_generation(), 4u);
  EXPECT_EQ(telemetry.pcie_width(), 16u);
}

TEST(WindowTelemetry, AValueThatIsThereHalfTheTimeIsTheMeanOfThatHalf) {
  WindowTelemetry readings;
  readings.Add(Clocked(0.1, 1000, kSoftwareThermal));
  readings.Add(At(0.5));  // NVML failed from here on
  const v1::Telemetry telemetry = readings.Take(0, 1);
  EXPECT_EQ(telemetry.readings(), 2u);
  EXPECT_EQ(telemetry.sm_clock_mhz(), 1000);
  EXPECT_EQ(telemetry.thermal_share(), 1);
}

v1::Telemetry Window(double mhz, double joules) {
  v1::Telemetry window;
  window.set_readings(5);
  window.set_sm_clock_mhz(mhz);
  window.set_energy_joules(joules);
  return window;
}

TEST(TelemetrySummary, MeansAreWeightedByTimeAndEnergyIsASum) {
  TelemetrySummary summary;
  EXPECT_EQ(summary.Total().ByteSizeLong(), 0u);
  summary.Add(Window(1000, 100), 0.5);
  summary.Add(Window(2000, 300), 1.5);
  const v1::Telemetry total = summary.Total();
  EXPECT_EQ(total.readings(), 10u);
  EXPECT_NEAR(total.sm_clock_mhz(), 1750, 1e-9);
  EXPECT_NEAR(total.energy_joules(), 400, 1e-9);
  EXPECT_FALSE(total.has_cpu_load());
}

TEST(TelemetrySummary, AMissingFieldCountsForItsTimeOnly) {
  TelemetrySummary summary;
  v1::Telemetry window = Window(1000, 100);
  window.set_thermal_share(0.5);
  window.set_used_memory_mib(800);
  window.set_pcie_width(8);
  summary.Add(window, 1);
  window.clear_thermal_share();
  window.set_used_memory_mib(700);
  window.set_pcie_width(16);
  summary.Add(window, 9);
  EXPECT_EQ(summary.Total().thermal_share(), 0.5);
  EXPECT_EQ(summary.Total().used_memory_mib(), 800u);
  EXPECT_EQ(summary.Total().pcie_width(), 16u);
}

TEST(TelemetrySummary, ALittleEnergyThatWasNotReadIsTakenForTheRestsAndMuchOfItIsNot) {
  TelemetrySummary summary;
  summary.Add(Window(1000, 1900), 19);
  summary.Add({}, 1);
  EXPECT_NEAR(summary.Total().energy_joules(), 2000, 1e-9);
  summary.Add({}, 2);
  EXPECT_FALSE(summary.Total().has_energy_joules());
}

}  // namespace
}  // namespace rsg::trainer
