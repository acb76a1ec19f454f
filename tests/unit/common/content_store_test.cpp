#include "common/content_store.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "common/files.hpp"
#include "common/secret.hpp"

namespace rsg {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ContentStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rsg-content-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static constexpr ContentStore::Limits kLimits{.file_bytes = 100, .total_bytes = 150};
  ContentStore Store() { return ContentStore(folder_ / "files", kLimits); }

  // Puts a whole file in and says that it was used so many seconds ago.
  std::string Put(ContentStore& store, const std::string& content, int seconds_ago = 0) {
    const std::string sha256 = Sha256Hex(content);
    auto incoming = store.Receive(sha256, content.size(), {});
    EXPECT_TRUE(incoming.ok()) << incoming.status();
    EXPECT_TRUE((*incoming)->Append(0, content).ok());
    EXPECT_TRUE((*incoming)->Finish().ok());
    fs::last_write_time(store.Path(sha256), fs::file_time_type::clock::now() - std::chrono::seconds(seconds_ago));
    return sha256;
  }
  fs::path folder_;
};

TEST_F(ContentStoreTest, ComesInPiecesAndIsThereOnlyWhenWhole) {
  ContentStore store = Store();
  const std::string sha256 = Sha256Hex("hello world");
  auto incoming = store.Receive(sha256, 11, {});
  ASSERT_TRUE(incoming.ok()) << incoming.status();
  EXPECT_TRUE((*incoming)->Append(0, "hello ").ok());
  EXPECT_FALSE(store.Has(sha256));
  EXPECT_TRUE(absl::IsInvalidArgument((*incoming)->Finish())) << "it is not whole";
  EXPECT_TRUE((*incoming)->Append(6, "world").ok());
  EXPECT_TRUE((*incoming)->complete());
  ASSERT_TRUE((*incoming)->Finish().ok());
  EXPECT_TRUE(store.Has(sha256));
  EXPECT_EQ(*ReadFile(store.Path(sha256)), "hello world");
  struct stat info {};
  ASSERT_EQ(stat(store.Path(sha256).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0u) << "others could read it";
}

TEST_F(ContentStoreTest, GoesOnWhereAnEarlierProcessWasCut) {
  const std::string sha256 = Sha256Hex("hello world");
  ASSERT_TRUE((*Store().Receive(sha256, 11, {}))->Append(0, "hello ").ok());
  ContentStore again = Store();
  EXPECT_EQ(again.Reserve(sha256, 11, {}).value_or(99), 6u);
  auto incoming = again.Receive(sha256, 11, {});
  EXPECT_EQ((*incoming)->offset(), 6u);
  EXPECT_TRUE((*incoming)->Append(6, "world").ok());
  EXPECT_TRUE((*incoming)->Finish().ok()) << "the checksum covers what was there";
}

TEST_F(ContentStoreTest, RefusesPiecesThatDoNotFit) {
  ContentStore store = Store();
  auto incoming = store.Receive(Sha256Hex("hello"), 5, {});
  EXPECT_THAT(std::string((*incoming)->Append(1, "ello").message()), HasSubstr("0 bytes are there"));
  EXPECT_THAT(std::string((*incoming)->Append(0, "hello!").message()), HasSubstr("beyond the 5 bytes"));
  EXPECT_EQ((*incoming)->offset(), 0u);
}

TEST_F(ContentStoreTest, AnotherChecksumThrowsTheFileAway) {
  ContentStore store = Store();
  const std::string sha256 = Sha256Hex("hello");
  auto incoming = store.Receive(sha256, 5, {});
  ASSERT_TRUE((*incoming)->Append(0, "jello").ok());
  EXPECT_TRUE(absl::IsDataLoss((*incoming)->Finish()));
  incoming->reset();
  EXPECT_FALSE(store.Has(sha256));
  EXPECT_EQ(store.Reserve(sha256, 5, {}).value_or(99), 0u) << "nothing of it is left";
}

TEST_F(ContentStoreTest, OneAtATimeReceivesAFile) {
  ContentStore store = Store();
  const std::string sha256 = Sha256Hex("hello");
  auto first = store.Receive(sha256, 5, {});
  EXPECT_TRUE(absl::IsAborted(store.Receive(sha256, 5, {}).status()));
  first->reset();
  EXPECT_TRUE(store.Receive(sha256, 5, {}).ok());
}

TEST_F(ContentStoreTest, MakesRoomFromTheLeastRecentlyUsed) {
  ContentStore store = Store();
  const std::string oldest = Put(store, std::string(60, 'a'), 30);
  const std::string older = Put(store, std::string(60, 'b'), 20);
  EXPECT_TRUE(store.Has(oldest)) << "which counts as a use";
  EXPECT_TRUE(store.Reserve(Sha256Hex("c"), 60, {}).ok());
  EXPECT_TRUE(store.Has(oldest));
  EXPECT_FALSE(store.Has(older));
}

TEST_F(ContentStoreTest, KeepsWhatIsInUseAndSaysThatItIsFull) {
  ContentStore store = Store();
  const std::string one = Put(store, std::string(60, 'a'), 30);
  const std::string two = Put(store, std::string(60, 'b'), 20);
  const auto full = store.Reserve(Sha256Hex("c"), 60, {one, two});
  EXPECT_TRUE(absl::IsResourceExhausted(full.status()));
  EXPECT_TRUE(store.Has(one) && store.Has(two));
  EXPECT_TRUE(absl::IsResourceExhausted(store.Reserve(Sha256Hex("d"), 101, {}).status()))
      << "larger than a file may be";
}

TEST_F(ContentStoreTest, APartOfAFileThatWasSaidToBeLongerIsBegunAnew) {
  const std::string sha256 = Sha256Hex("hello");
  ASSERT_TRUE((*Store().Receive(sha256, 50, {}))->Append(0, "something else").ok());
  auto incoming = Store().Receive(sha256, 5, {});
  EXPECT_EQ((*incoming)->offset(), 0u);
  ASSERT_TRUE((*incoming)->Append(0, "hello").ok());
  EXPECT_TRUE((*incoming)->Finish().ok());
}

}  // namespace
}  // namespace rsg
