#include "common/digest.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace rsg {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMost = 1'000'000;

class Digest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rsg-digest-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path Holding(const std::string& content) const {
    std::ofstream(folder_ / "file") << content;
    return folder_ / "file";
  }
  fs::path folder_;
};

TEST_F(Digest, IsTheStandards) {
  // FIPS 180-2, appendices B.1 and B.3.
  auto digest = Sha256File(Holding("abc"), kMost);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest->bytes, 3u);
  digest = Sha256File(Holding(std::string(1'000'000, 'a')), kMost);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->sha256, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(digest->bytes, 1'000'000u);
}

TEST_F(Digest, RefusesWhatIsAbsentTooLargeOrNoFile) {
  EXPECT_EQ(Sha256File(folder_ / "absent", kMost).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Sha256File(Holding(std::string(kMost + 1, 'a')), kMost).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Sha256File(folder_, kMost).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  const auto pipe = Sha256File(folder_ / "pipe", kMost).status();  // and does not wait for a writer
  EXPECT_EQ(pipe.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(pipe.message().find("pipe"), std::string::npos) << pipe;
}

}  // namespace
}  // namespace rsg
