#include "agent/trainer/device/cpu/cpu_facts.hpp"

#include <gtest/gtest.h>

namespace rsg::trainer {
namespace {

constexpr char kCpuinfo[] =
    "processor\t: 0\n"
    "vendor_id\t: GenuineIntel\n"
    "model\t\t: 85\n"
    "model name\t: Intel(R) Xeon(R) CPU @ 2.00GHz\n"
    "processor\t: 1\n"
    "model name\t: another\n";
constexpr char kMeminfo[] =
    "MemTotal:       24684032 kB\n"
    "MemFree:        10000000 kB\n"
    "MemAvailable:   21504000 kB\n";

TEST(CpuFacts, NamesTheFirstProcessor) {
  EXPECT_EQ(CpuNameIn(kCpuinfo), "Intel(R) Xeon(R) CPU @ 2.00GHz");
  EXPECT_EQ(CpuNameIn("processor : 0\n"), "CPU");
  EXPECT_EQ(CpuNameIn("model name\t:\n"), "CPU");
  EXPECT_EQ(CpuNameIn(""), "CPU");
}

TEST(CpuFacts, ReadsMeminfoInMib) {
  EXPECT_EQ(MeminfoMib(kMeminfo, "MemTotal"), 24105u);
  EXPECT_EQ(MeminfoMib(kMeminfo, "MemAvailable"), 21000u);
  EXPECT_EQ(MeminfoMib(kMeminfo, "Mem"), std::nullopt);
  EXPECT_EQ(MeminfoMib("MemTotal: much\n", "MemTotal"), std::nullopt);
  EXPECT_EQ(MeminfoMib("MemTotal:", "MemTotal"), std::nullopt);
}

TEST(CpuFacts, ThisMachineHasMemoryAndSomeOfItIsFree) {
  EXPECT_GT(MemoryMib(), 100u);
  EXPECT_GT(AvailableMemoryMib(), 10u);
  EXPECT_LE(AvailableMemoryMib(), MemoryMib());
  EXPECT_FALSE(CpuName().empty());
}

}  // namespace
}  // namespace rsg::trainer
