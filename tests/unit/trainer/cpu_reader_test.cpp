#include "agent/trainer/telemetry/cpu_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace rsg::trainer {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kCpuinfo[] =
    "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\ncpu MHz\t\t: 2000.500\nflags\t\t: fpu\n\n"
    "processor\t: 1\nmodel name\t: Some CPU @ 2.00GHz\ncpu MHz\t\t: 3000.000\n\n"
    "processor\t: 2\nmodel name\t: Some CPU @ 2.00GHz\ncpu MHz\t\t: 900.000\n";

/// A folder that looks like /, as far as the reader looks.
class Root {
 public:
  Root() : path_(testing::TempDir() + "cpu_reader_" + std::to_string(getpid())) {}
  ~Root() { std::filesystem::remove_all(path_); }
  void Write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + file).parent_path());
    std::ofstream(path_ + "/" + file) << text;
  }
  void WriteFrequency(int cpu, const std::string& kilohertz) const {
    Write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cpufreq/scaling_cur_freq", kilohertz);
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

TEST(CpuTime, WaitingForInputIsIdleAndGuestsAreNotCountedTwice) {
  const auto time = CpuTimeIn("cpu  100 10 30 500 40 5 6 9 77 7\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->busy, 100 + 10 + 30 + 5 + 6 + 9);
  EXPECT_EQ(time->total, time->busy + 500 + 40);
}

TEST(CpuTime, FourNumbersAreEnoughFewerAreNot) {
  const auto time = CpuTimeIn("cpu 1 2 3 4\n");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->total, 10);
  EXPECT_FALSE(CpuTimeIn("cpu 1 2 3\n"));
  EXPECT_FALSE(CpuTimeIn("cpu0 1 2 3 4\n"));
  EXPECT_FALSE(CpuTimeIn("cpu 1 x 3 4\n"));
  EXPECT_FALSE(CpuTimeIn(""));
}

TEST(CpuMhz, IsTheMeanOfTheAllowedCpus) {
  EXPECT_EQ(MeanMhzIn(kCpuinfo, {0, 1}), (2000.5 + 3000) / 2);
  EXPECT_EQ(MeanMhzIn(kCpuinfo, {2}), 900);
  EXPECT_FALSE(MeanMhzIn(kCpuinfo, {7}));
  EXPECT_FALSE(MeanMhzIn("processor : 0\nBogoMIPS : 48.00\n", {0}));
}

TEST(CpuReader, PrefersCpufreqAndSkipsWhatCannotBeRead) {
  const Root root;
  root.Write("proc/stat", "cpu 10 0 0 90\n");
  root.Write("proc/cpuinfo", kCpuinfo);
  root.WriteFrequency(0, "1800000\n");
  root.WriteFrequency(1, "2200000\n");
  root.WriteFrequency(2, "nonsense\n");
  const auto reader = OpenCpuReader(root.path(), {0, 1, 2, 3});
  const Reading reading = reader->Read();
  EXPECT_EQ(reading.cpu_mhz, 2000);
  ASSERT_TRUE(reading.cpu_time);
  EXPECT_EQ(reading.cpu_time->busy, 10);
  EXPECT_FALSE(reading.sm_clock_mhz);
  EXPECT_EQ(reader->Limits().ByteSizeLong(), 0u);
}

TEST(CpuReader, ReadsAnewEachTime) {
  const Root root;
  root.Write("proc/cpuinfo", kCpuinfo);
  const auto reader = OpenCpuReader(root.path(), {1});
  EXPECT_EQ(reader->Read().cpu_mhz, 3000);
  root.Write("proc/cpuinfo", "processor : 1\ncpu MHz : 1200\n");
  EXPECT_EQ(reader->Read().cpu_mhz, 1200);
  EXPECT_FALSE(reader->Read().cpu_time);
}

TEST(CpuReader, OfManyCpusSixteenAreAskedEvenlySpread) {
  const Root root;
  std::vector<int> cpus;
  for (int cpu = 0; cpu < 64; ++cpu) {
    cpus.push_back(cpu);
    root.WriteFrequency(cpu, cpu < 32 ? "1000000" : "3000000");
  }
  const auto reader = OpenCpuReader(root.path(), cpus);
  EXPECT_EQ(reader->Read().cpu_mhz, 2000);
}

TEST(CpuReader, AMachineThatTellsNothingLeavesAllAbsent) {
  const auto reader = OpenCpuReader("/nowhere", {0});
  const Reading reading = reader->Read();
  EXPECT_FALSE(reading.cpu_mhz);
  EXPECT_FALSE(reading.cpu_time);
}

TEST(CpuReader, ThisMachineHasATimeAndACpu) {
  EXPECT_THAT(AllowedCpus(), Not(IsEmpty()));
  const auto reader = OpenCpuReader("", AllowedCpus());
  EXPECT_TRUE(reader->Read().cpu_time);
}

}  // namespace
}  // namespace rsg::trainer
