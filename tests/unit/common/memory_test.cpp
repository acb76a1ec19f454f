#include "common/memory.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace rsg {
namespace {

/// A made-up machine of 16 GiB with 12 GiB free.
class Memory : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "rsg-memory-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    Put("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:   12582912 kB\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void Put(const std::string& path, const std::string& content) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }
  std::filesystem::path root_;
};

TEST_F(Memory, WithoutControlGroupsItIsTheMachines) {
  EXPECT_EQ(MemoryMib(root_), 16384u);
  EXPECT_EQ(AvailableMemoryMib(root_), 12288u);
}

TEST_F(Memory, TheTightestControlGroupCounts) {
  Put("proc/self/cgroup", "0::/box/job\n");
  Put("sys/fs/cgroup/box/memory.max", "2147483648\n");
  Put("sys/fs/cgroup/box/job/memory.max", "max\n");
  EXPECT_EQ(MemoryMib(root_), 2048u);
  EXPECT_EQ(AvailableMemoryMib(root_), 2048u);
  Put("sys/fs/cgroup/memory.max", "1073741824\n");
  EXPECT_EQ(MemoryMib(root_), 1024u);
}

TEST_F(Memory, WhatTheGroupUsesIsNotAvailableButItsUnusedCacheIs) {
  Put("proc/self/cgroup", "0::/system.slice/agent.service\n");
  const std::string group = "sys/fs/cgroup/system.slice/agent.service/";
  Put(group + "memory.max", "2147483648\n");
  Put(group + "memory.current", "1610612736\n");
  EXPECT_EQ(AvailableMemoryMib(root_), 512u);
  Put(group + "memory.stat", "anon 1\nfile 2\ninactive_file 536870912\nactive_file 3\n");
  EXPECT_EQ(AvailableMemoryMib(root_), 1024u);
  // Others' use of a group further up leaves less.
  Put("sys/fs/cgroup/system.slice/memory.max", "4294967296\n");
  Put("sys/fs/cgroup/system.slice/memory.current", "4290772992\n");
  EXPECT_EQ(AvailableMemoryMib(root_), 4u);
  Put("sys/fs/cgroup/system.slice/memory.current", "9999999999\n");
  EXPECT_EQ(AvailableMemoryMib(root_), 0u);
}

TEST_F(Memory, OlderControlGroupsCountToo) {
  Put("proc/self/cgroup", "5:memory:/slurm/job_7\n3:cpu,cpuacct:/\n0::/\n");
  Put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const std::string group = "sys/fs/cgroup/memory/slurm/job_7/";
  Put(group + "memory.limit_in_bytes", "536870912\n");
  Put(group + "memory.usage_in_bytes", "402653184\n");
  Put(group + "memory.stat", "inactive_file 0\ntotal_inactive_file 134217728\n");
  EXPECT_EQ(MemoryMib(root_), 512u);
  EXPECT_EQ(AvailableMemoryMib(root_), 256u);
}

TEST_F(Memory, OutOfSightFoldersOfAGroupAreNoLimit) {
  Put("proc/self/cgroup", "0::/../elsewhere\n");
  EXPECT_EQ(MemoryMib(root_), 16384u);
  Put("proc/self/cgroup", "0::/docker/1234\n");
  EXPECT_EQ(AvailableMemoryMib(root_), 12288u);
}

TEST_F(Memory, WhatIsUnknownIsNoError) {
  for (const char* meminfo : {"", "MemTotal:", "MemTotal: much\n"}) {
    Put("proc/meminfo", meminfo);
    EXPECT_EQ(MemoryMib(root_), 0u) << meminfo;
    EXPECT_EQ(AvailableMemoryMib(root_), std::numeric_limits<std::uint32_t>::max()) << meminfo;
  }
}

TEST(ThisMachine, HasMemoryAndSomeOfItIsFree) {
  EXPECT_GT(MemoryMib("/"), 100u);
  EXPECT_GT(AvailableMemoryMib("/"), 10u);
  EXPECT_LE(AvailableMemoryMib("/"), MemoryMib("/"));
}

}  // namespace
}  // namespace rsg
