// The spool's real folder, and the number of a start.
#include "agent/spool/folder.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <limits>

#include "agent/spool/starts.hpp"
#include "common/files.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "rsg-spool-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    state_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(state_); }

  static unsigned ModeOf(const std::filesystem::path& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  std::filesystem::path state_;
};

TEST_F(FolderTest, AppendsReadsListsAndRemoves) {
  SpoolFolder folder(state_ / "spool");
  ASSERT_TRUE(folder.List().ok());
  EXPECT_THAT(*folder.List(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(state_ / "spool")) << "not before there is something to write";
  ASSERT_TRUE(folder.Append("a", "one").ok());
  ASSERT_TRUE(folder.Append("b", "two").ok());
  ASSERT_TRUE(folder.Append("a", "three").ok());
  EXPECT_EQ(folder.Read("a", 100).value(), "onethree");
  EXPECT_TRUE(absl::IsOutOfRange(folder.Read("a", 7).status()));
  EXPECT_THAT(*folder.List(), UnorderedElementsAre("a", "b"));
  EXPECT_TRUE(folder.Remove("a").ok());
  EXPECT_TRUE(folder.Remove("a").ok()) << "it is gone";
  EXPECT_THAT(*folder.List(), UnorderedElementsAre("b"));
}

TEST_F(FolderTest, NobodyElseCanReadIt) {
  const mode_t before = umask(0);
  SpoolFolder folder(state_ / "spool");
  const absl::Status written = folder.Append("a", "token");
  umask(before);
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(ModeOf(state_ / "spool"), 0700u);
  EXPECT_EQ(ModeOf(state_ / "spool" / "a"), 0600u);
}

TEST_F(FolderTest, WritesThroughNoLink) {
  ASSERT_TRUE(WriteFile(state_ / "precious", "mine").ok());
  SpoolFolder folder(state_ / "spool");
  ASSERT_TRUE(folder.Append("a", "").ok());
  std::filesystem::create_symlink(state_ / "precious", state_ / "spool" / "b");
  EXPECT_FALSE(folder.Append("b", "token").ok());
  EXPECT_EQ(ReadFile(state_ / "precious").value(), "mine");
}

TEST_F(FolderTest, SaysWhereItCannotWrite) {
  ASSERT_TRUE(WriteFile(state_ / "spool", "a file in its place").ok());
  SpoolFolder folder(state_ / "spool");
  EXPECT_THAT(std::string(folder.Append("a", "x").message()), HasSubstr((state_ / "spool" / "a").string()));
}

// In a child whose files may have 100 bytes.
TEST_F(FolderTest, WhatDoesNotFitLeavesTheFileAsItWas) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100, .rlim_max = 100};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(10);
    SpoolFolder folder(state_ / "spool");
    if (!folder.Append("a", std::string(60, 'x')).ok()) _exit(11);
    if (folder.Append("a", std::string(60, 'y')).ok()) _exit(12);
    if (!folder.Append("a", std::string(30, 'z')).ok()) _exit(13);
    if (folder.Append("b", std::string(101, 'y')).ok()) _exit(14);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(state_ / "spool" / "a").value(), std::string(60, 'x') + std::string(30, 'z'));
  EXPECT_FALSE(std::filesystem::exists(state_ / "spool" / "b"));
}

TEST(NextStart, IsAlwaysMoreThanTheLastAndNotBehindTheClock) {
  constexpr std::uint32_t kHighest = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(NextStart(std::nullopt, 1.8e9), 1'800'000'000u);
  EXPECT_EQ(NextStart(std::nullopt, 0), 1u) << "0 is not known";
  EXPECT_EQ(NextStart(std::nullopt, -5), 1u);
  EXPECT_EQ(NextStart(1'800'000'000, 1.8e9), 1'800'000'001u) << "twice in a second";
  EXPECT_EQ(NextStart(1'800'000'000, 1e9), 1'800'000'001u) << "the clock went back";
  EXPECT_EQ(NextStart(7, 1.8e9), 1'800'000'000u) << "the folder went back";
  EXPECT_EQ(NextStart(kHighest, 1e30), kHighest);
}

TEST_F(FolderTest, EachStartHasAHigherNumber) {
  const StartNumber first = CountStart(state_, 1000);
  EXPECT_TRUE(first.kept.ok()) << first.kept;
  EXPECT_EQ(first.value, 1000u);
  EXPECT_EQ(CountStart(state_, 1000).value, 1001u);
  EXPECT_EQ(CountStart(state_, 10).value, 1002u);
  EXPECT_EQ(CountStart(state_, 2000).value, 2000u);
  EXPECT_EQ(ModeOf(state_ / "start"), 0600u);
}

TEST_F(FolderTest, ADamagedNumberIsBegunAnewByTheClock) {
  for (const char* damaged : {"", "x", "-3", "99999999999", "1 2"}) {
    ASSERT_TRUE(WriteFile(state_ / "start", damaged).ok());
    const StartNumber start = CountStart(state_, 1000);
    EXPECT_EQ(start.value, 1000u) << damaged;
    EXPECT_TRUE(absl::IsDataLoss(start.kept)) << damaged;
    EXPECT_TRUE(CountStart(state_, 1000).kept.ok()) << "mended";
  }
}

TEST_F(FolderTest, ANumberThatCannotBeWrittenIsUsedAndSaid) {
  ASSERT_TRUE(WriteFile(state_ / "file", "").ok());
  const StartNumber start = CountStart(state_ / "file", 1000);
  EXPECT_EQ(start.value, 1000u);
  EXPECT_FALSE(start.kept.ok());
}

}  // namespace
}  // namespace rsg::agent
