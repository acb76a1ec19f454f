// The simulated disk itself, and the real store on it.
#include <gtest/gtest.h>

#include <algorithm>

#include "coordinator/store/store.hpp"
#include "vfs.hpp"

namespace rsg::sim {
namespace {

constexpr char kDatabase[] = "/dev/null";  // any file that is there; its content is on the simulated disk

class DiskTest : public testing::Test {
 protected:
  std::unique_ptr<store::Store> Open() {
    auto opened = store::Store::Open(kDatabase);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  static absl::Status Put(store::Store& store, const std::string& id) {
    const std::string hash = id + std::string(64 - id.size(), '0');
    return store.Apply(std::vector<schedule::Change>{schedule::PutToken{
        {.token_id = id, .token_sha256 = hash, .uses_left = 1, .expires_unix = 1, .revoked = false}}});
  }
  std::vector<std::string> Stored() {
    std::vector<std::string> ids;
    const auto store = Open();
    const auto snapshot = store->Load();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    for (const schedule::TokenRecord& token : snapshot->tokens) ids.push_back(token.token_id);
    return ids;
  }
  /// The program is killed, with all that it has open; then what `crash` leaves is there.
  void Die(std::unique_ptr<store::Store> store, Disk::Crash crash) {
    disk_.FailPower();
    store.reset();
    disk_.PowerOn(crash);
  }

  Random random_{7};
  Disk disk_{&random_};
  DiskVfs vfs_{&disk_, 7};
};

TEST_F(DiskTest, ASyncedWriteSurvivesAPowerFailureAndOthersMayNot) {
  bool lost = false;
  bool torn = false;
  for (int i = 0; i < 200; ++i) {
    const std::string name = std::to_string(i);
    File& file = *disk_.Make(name);
    ASSERT_EQ(disk_.Write(file, 0, std::string(2048, 'a')), Disk::Result::kOk);
    ASSERT_EQ(disk_.Sync(file), Disk::Result::kOk);
    ASSERT_EQ(disk_.Write(file, 0, std::string(2048, 'b')), Disk::Result::kOk);
    disk_.PowerOn(Disk::Crash::kPower);
    const std::string& left = disk_.Find(name)->seen;
    ASSERT_EQ(left.size(), 2048u);
    const auto bs = std::count(left.begin(), left.end(), 'b');
    lost = lost || bs == 0;
    torn = torn || (bs > 0 && bs < 2048);
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(torn);
}

TEST_F(DiskTest, AKilledProgramLosesNothingThatItWrote) {
  File& file = *disk_.Make("file");
  ASSERT_EQ(disk_.Write(file, 0, "abc"), Disk::Result::kOk);
  disk_.PowerOn(Disk::Crash::kProcess);
  EXPECT_EQ(disk_.Find("file")->seen, "abc");
}

TEST_F(DiskTest, AFullDiskTakesNoMoreAndWorksAgainLater) {
  auto store = Open();
  ASSERT_TRUE(Put(*store, "t-1").ok());
  disk_.SetFull(true);
  EXPECT_EQ(Put(*store, "t-2").code(), absl::StatusCode::kResourceExhausted);
  disk_.SetFull(false);
  ASSERT_TRUE(Put(*store, "t-3").ok());
  Die(std::move(store), Disk::Crash::kPower);
  EXPECT_EQ(Stored(), (std::vector<std::string>{"t-1", "t-3"}));
}

TEST_F(DiskTest, WhatTheStoreHasTakenSurvivesAPowerFailureAtAnyOperation) {
  std::vector<std::string> taken;
  for (int i = 0; i < 200; ++i) {
    auto store = Open();
    disk_.FailPowerIn(1 + random_.Below(12));
    const std::string id = "t-" + std::to_string(100 + i);
    // What fails may be there all the same, or not; from then on it is the one or the other.
    const bool ok = Put(*store, id).ok();
    if (ok) taken.push_back(id);
    Die(std::move(store), Disk::Crash::kPower);
    const std::vector<std::string> stored = Stored();
    ASSERT_TRUE(std::includes(stored.begin(), stored.end(), taken.begin(), taken.end())) << i;
    taken = stored;
  }
  EXPECT_GT(taken.size(), 20u);
}

// Found by the simulation: what a failed fsync had left in the system's cache was there after a kill, and what was
// stored on top of it was lost with the power.
TEST_F(DiskTest, ACommitDoesNotRestOnOneThatReachedOnlyTheCache) {
  auto store = Open();
  ASSERT_TRUE(Put(*store, "t-1").ok());
  disk_.FailSync();
  ASSERT_FALSE(Put(*store, "t-2").ok());
  Die(std::move(store), Disk::Crash::kProcess);
  store = Open();
  ASSERT_TRUE(Put(*store, "t-3").ok());
  Die(std::move(store), Disk::Crash::kPower);
  const std::vector<std::string> stored = Stored();
  EXPECT_TRUE(std::count(stored.begin(), stored.end(), "t-1")) << "stored before all this";
  EXPECT_TRUE(std::count(stored.begin(), stored.end(), "t-3")) << "stored after the kill";
}

}  // namespace
}  // namespace rsg::sim
