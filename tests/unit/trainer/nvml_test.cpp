// The NVML reader against the fake library.
#include "agent/trainer/telemetry/nvml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/trainer/telemetry/open.hpp"
#include "nvml_script.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;

constexpr char kAll[] =
    "limits enforced=300000 default=350000 max_sm=1980\n"
    "reading sm=1905 mem=9501 temp=61 power=287500 energy=123456789 reasons=0x24 used=6442450944 gen=4 width=16\n";

TEST(Nvml, ReadsEveryValueInItsUnit) {
  const NvmlScript script(kAll);
  const auto reader = script.Open();
  const Reading reading = reader->Read();
  EXPECT_EQ(reading.sm_clock_mhz, 1905);
  EXPECT_EQ(reading.memory_clock_mhz, 9501);
  EXPECT_EQ(reading.temperature_celsius, 61);
  EXPECT_EQ(reading.power_watts, 287.5);
  EXPECT_NEAR(*reading.energy_joules, 123456.789, 1e-6);
  EXPECT_EQ(reading.clock_reasons, 0x24u);
  EXPECT_EQ(reading.used_memory_mib, 6144u);
  EXPECT_EQ(reading.pcie_generation, 4u);
  EXPECT_EQ(reading.pcie_width, 16u);
  EXPECT_FALSE(reading.cpu_mhz);
  const v1::DeviceLimits limits = reader->Limits();
  EXPECT_EQ(limits.power_limit_watts(), 300);
  EXPECT_EQ(limits.default_power_limit_watts(), 350);
  EXPECT_EQ(limits.max_sm_clock_mhz(), 1980);
}

/// Names of the fields of kAll that a reading lacks, in order.
std::string Missing(const Reading& reading) {
  std::string names;
  const auto look = [&](bool there, const char* name) { names += there ? "" : std::string(name) + " "; };
  look(reading.sm_clock_mhz.has_value(), "sm");
  look(reading.memory_clock_mhz.has_value(), "mem");
  look(reading.temperature_celsius.has_value(), "temp");
  look(reading.power_watts.has_value(), "power");
  look(reading.energy_joules.has_value(), "energy");
  look(reading.clock_reasons.has_value(), "reasons");
  look(reading.used_memory_mib.has_value(), "used");
  look(reading.pcie_generation.has_value(), "gen");
  look(reading.pcie_width.has_value(), "width");
  return names;
}

TEST(Nvml, WhatIsNotSupportedIsAbsentAndNothingElse) {
  for (const char* name : {"sm", "mem", "temp", "power", "energy", "reasons", "used", "gen", "width"}) {
    std::string lines = kAll;
    const auto at = lines.find(std::string(" ") + name + "=");
    lines.erase(at, lines.find_first_of(" \n", at + 1) - at);
    const NvmlScript script(lines);
    EXPECT_EQ(Missing(script.Open()->Read()), std::string(name) + " ");
  }
}

TEST(Nvml, ALimitThatIsNotSupportedIsAbsent) {
  const NvmlScript script("limits enforced=300000\n");
  const v1::DeviceLimits limits = script.Open()->Limits();
  EXPECT_TRUE(limits.has_power_limit_watts());
  EXPECT_FALSE(limits.has_default_power_limit_watts());
  EXPECT_FALSE(limits.has_max_sm_clock_mhz());
}

TEST(Nvml, AFailureIsOfItsMomentAndNotSupportedIsForGood) {
  const NvmlScript script(
      "reading temp=60 power=1000 sm=!15\n"
      "reading temp=!999 power=!3 sm=!15\n"
      "reading temp=62 power=1000 sm=1500\n");
  const auto reader = script.Open();
  EXPECT_EQ(reader->Read().temperature_celsius, 60);
  const Reading failed = reader->Read();
  EXPECT_FALSE(failed.temperature_celsius);
  EXPECT_FALSE(failed.power_watts);
  const Reading later = reader->Read();
  EXPECT_EQ(later.temperature_celsius, 62);
  EXPECT_EQ(later.sm_clock_mhz, 1500);
  EXPECT_FALSE(later.power_watts);
}

TEST(Nvml, AllOnesAndNonsenseAreNoValues) {
  const NvmlScript script("reading power=4294967295 temp=50 sm=4000000000\n");
  EXPECT_EQ(Missing(script.Open()->Read()), "sm mem power energy reasons used gen width ");
}

TEST(Nvml, AnOldDriverLacksFunctionsAndStillReads) {
  const NvmlScript script(kAll, /*old_driver=*/true);
  const auto reader = script.Open();
  const Reading reading = reader->Read();
  EXPECT_EQ(Missing(reading), "energy used gen width ");
  EXPECT_EQ(reading.clock_reasons, 0x24u) << "by its older name";
  EXPECT_EQ(reader->Limits().ByteSizeLong(), 0u);
}

TEST(Nvml, ALibraryThatDoesNotStartSaysWhy) {
  const NvmlScript script("init 9\n");
  const auto reader = OpenNvml(script.library(), kFakeGpu);
  EXPECT_EQ(reader.status(), absl::UnavailableError("NVML: nvmlInit_v2: Driver Not Loaded (9)"));
}

TEST(Nvml, AnotherGpuIsNotFound) {
  const NvmlScript script(kAll);
  const auto reader = OpenNvml(script.library(), "GPU-other");
  EXPECT_TRUE(absl::IsNotFound(reader.status()));
  EXPECT_THAT(std::string(reader.status().message()), HasSubstr("GPU-other"));
}

TEST(Nvml, ALibraryThatIsMissingOrIsAnotherIsSaid) {
  EXPECT_TRUE(absl::IsNotFound(OpenNvml("/nowhere/libnvidia-ml.so.1", kFakeGpu).status()));
  const auto other = OpenNvml("libm.so.6", kFakeGpu);
  EXPECT_EQ(other.status(), absl::UnavailableError("libm.so.6 has no nvmlInit_v2"));
}

TEST(OpenReader, AGpuHasNvmlAndACpuItsOwn) {
  const NvmlScript script(kAll);
  const OpenedReader gpu = OpenReader(kFakeGpu);
  EXPECT_EQ(gpu.note, "");
  EXPECT_EQ(gpu.reader->Read().sm_clock_mhz, 1905);
  const OpenedReader cpu = OpenReader("");
  EXPECT_EQ(cpu.note, "");
  EXPECT_FALSE(cpu.reader->Read().sm_clock_mhz);
  EXPECT_TRUE(cpu.reader->Read().cpu_time);
}

TEST(OpenReader, AGpuWithoutNvmlFallsBackToTheCpuAndSaysSo) {
  setenv("RSG_NVML", "/nowhere/libnvidia-ml.so.1", 1);
  const OpenedReader opened = OpenReader(kFakeGpu);
  unsetenv("RSG_NVML");
  EXPECT_THAT(opened.note, HasSubstr("/nowhere/libnvidia-ml.so.1"));
  EXPECT_TRUE(opened.reader->Read().cpu_time);
}

TEST(OpenReader, TheDeviceToReadCanBeNamed) {
  const NvmlScript script(kAll);
  setenv("RSG_NVML_DEVICE", kFakeGpu, 1);
  const OpenedReader opened = OpenReader("");
  unsetenv("RSG_NVML_DEVICE");
  EXPECT_EQ(opened.reader->Read().sm_clock_mhz, 1905);
}

}  // namespace
}  // namespace rsg::trainer
