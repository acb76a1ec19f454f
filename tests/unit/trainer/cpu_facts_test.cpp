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

TEST(CpuFacts, NamesTheFirstProcessor) {
  EXPECT_EQ(CpuNameIn(kCpuinfo), "Intel(R) Xeon(R) CPU @ 2.00GHz");
  EXPECT_EQ(CpuNameIn("processor : 0\n"), "CPU");
  EXPECT_EQ(CpuNameIn("model name\t:\n"), "CPU");
  EXPECT_EQ(CpuNameIn(""), "CPU");
  EXPECT_FALSE(CpuName().empty());
}

}  // namespace
}  // namespace rsg::trainer
