#include "agent/trainer/telemetry/cpu_wait.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "busy_cpu.hpp"

namespace rsg::trainer {
namespace {

TEST(WaitIn, IsTheSecondNumberInNanoseconds) {
  EXPECT_EQ(WaitIn("3026044 1500000000 17\n"), 1.5);
  EXPECT_EQ(WaitIn("3026044 0 1\n"), 0);
  for (const char* text : {"", "3026044\n", "3026044 x 1\n", "3026044 12"}) EXPECT_FALSE(WaitIn(text)) << text;
  EXPECT_FALSE(WaitIn("0 0 0\n")) << "a kernel that does not count";
}

/// A folder that looks like /proc/self/task.
class Tasks {
 public:
  Tasks() : path_(testing::TempDir() + "cpu_wait_" + std::to_string(getpid())) { std::filesystem::remove_all(path_); }
  ~Tasks() { std::filesystem::remove_all(path_); }
  void Write(const std::string& id, const std::string& text) const {
    std::filesystem::create_directories(path_ + "/" + id);
    std::ofstream(path_ + "/" + id + "/schedstat") << text;
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

TEST(CpuWait, TheLongestWaitOfEachIntervalCounts) {
  const Tasks tasks;
  tasks.Write("10", "9 1000000000 1\n");
  tasks.Write("11", "9 0 1\n");
  CpuWait wait(tasks.path());
  EXPECT_EQ(wait.Read(), 0) << "what was before is not counted";
  tasks.Write("10", "9 1200000000 1\n");
  tasks.Write("11", "9 300000000 1\n");
  EXPECT_NEAR(*wait.Read(), 0.3, 1e-9);
  tasks.Write("10", "9 1700000000 1\n");
  EXPECT_NEAR(*wait.Read(), 0.8, 1e-9);
}

TEST(CpuWait, ThreadsMayComeAndGo) {
  const Tasks tasks;
  tasks.Write("10", "9 0 1\n");
  CpuWait wait(tasks.path());
  wait.Read();
  tasks.Write("12", "9 5000000000 1\n");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(wait.Read(), 0) << "what it waited before it was found is not counted";
  tasks.Write("10", "");  // as of a thread that has ended
  tasks.Write("12", "9 5250000000 1\n");
  EXPECT_NEAR(*wait.Read(), 0.25, 1e-9);
}

TEST(CpuWait, LooksAtABoundedNumberOfThreads) {
  const Tasks tasks;
  for (std::size_t i = 0; i < CpuWait::kMostThreads + 20; ++i) tasks.Write(std::to_string(1000 + i), "9 0 1\n");
  CpuWait wait(tasks.path());
  EXPECT_EQ(wait.Read(), 0);
  EXPECT_EQ(wait.threads(), CpuWait::kMostThreads);
}

TEST(CpuWait, IsNothingWhereTheSystemDoesNotTell) {
  EXPECT_FALSE(CpuWait("/nowhere").Read());
  const Tasks tasks;
  tasks.Write("10", "0 0 0\n");
  EXPECT_FALSE(CpuWait(tasks.path()).Read());
}

TEST(CpuWait, TwoThreadsOnOneCpuWaitForEachOther) {
  if (!std::filesystem::exists("/proc/self/schedstat")) GTEST_SKIP() << "this kernel does not count";
  const BusyCpu busy;
  CpuWait wait("/proc/self/task");
  std::optional<double> seconds;
  for (int i = 0; i < 1'000'000'000 && seconds.value_or(0) < 0.05; ++i)
    if (i % 1'000'000 == 0) seconds = wait.Read();
  ASSERT_TRUE(seconds);
  EXPECT_GE(*seconds, 0.05);
}

}  // namespace
}  // namespace rsg::trainer
