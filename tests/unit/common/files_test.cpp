#include "common/files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

namespace rsg {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rsg-files-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Files, WrittenWholeWithTheModeAskedFor) {
  ASSERT_TRUE(WriteFile(folder_ / "secret", "one").ok());
  ASSERT_TRUE(WriteFile(folder_ / "secret", "two").ok());
  struct stat info {};
  ASSERT_EQ(stat((folder_ / "secret").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*ReadSecretFile(folder_ / "secret"), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "a temporary file was left behind";
}

TEST_F(Files, FailureNamesThePath) {
  const auto status = WriteFile(folder_ / "absent" / "file", "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find((folder_ / "absent").string()), std::string::npos);
}

TEST_F(Files, LongFilesAreRefused) {
  ASSERT_TRUE(WriteFile(folder_ / "long", std::string(100, 'x')).ok());
  EXPECT_EQ(ReadFile(folder_ / "long", 99).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(ReadFile(folder_ / "long", 100).ok());
}

TEST_F(Files, SecretThatOthersCanReadIsRefusedWithTheRemedy) {
  ASSERT_TRUE(WriteFile(folder_ / "open", "x", 0644).ok());
  const auto read = ReadSecretFile(folder_ / "open");
  EXPECT_EQ(read.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(read.status().message().find("chmod 600"), std::string::npos);
}

TEST_F(Files, LockIsHeldOnceAndFreed) {
  {
    const auto first = FileLock::Acquire(folder_ / "lock");
    ASSERT_TRUE(first.ok());
    const auto second = FileLock::Acquire(folder_ / "lock");
    EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_NE(second.status().message().find("another rsg program"), std::string::npos) << "its kind is not known";
  }
  EXPECT_TRUE(FileLock::Acquire(folder_ / "lock").ok());
}

TEST_F(Files, StateFolderIsOursAlone) {
  ASSERT_TRUE(MakeStateFolder(folder_ / "a" / "b").ok());
  struct stat info {};
  ASSERT_EQ(stat((folder_ / "a" / "b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_TRUE(WriteFile(folder_ / "file", "x").ok());
  const auto file = MakeStateFolder(folder_ / "file");
  EXPECT_NE(file.message().find("is no folder; name another with --state"), std::string::npos) << file;
  const auto below = MakeStateFolder(folder_ / "file" / "below");
  EXPECT_NE(below.message().find("with --state"), std::string::npos) << below;
}

}  // namespace
}  // namespace rsg
