// What the spool keeps when there is no space, and how much it keeps at most.
#include <gmock/gmock.h>

#include "agent/spool/record.hpp"
#include "spool_log_fixture.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(SpoolLogTest, AckedSegmentsAreRemovedAndNoOthers) {
  const std::uint32_t first = TwoSegments();
  Release(first - 1);
  EXPECT_THAT(disk_.files, SizeIs(2)) << "its last window is not acknowledged";
  Release(first);
  EXPECT_THAT(disk_.files, SizeIs(1));
  Release(first + 4);
  EXPECT_THAT(disk_.files, SizeIs(1)) << "it has the end";
  EXPECT_EQ(log_->bytes(), disk_.size());
  const auto found = Open();
  ASSERT_THAT(found.attempts, SizeIs(1));
  EXPECT_EQ(found.attempts[0].windows.front().sequence(), first + 1);
  EXPECT_EQ(found.attempts[0].windows.back().sequence(), first + 4);
  EXPECT_TRUE(found.attempts[0].started) << "each segment can be read alone";
}

TEST_F(SpoolLogTest, AFullDiskLeavesAGapAndNoMore) {
  for (const std::size_t leaves : {0, 1, 20, 40}) {
    disk_.files.clear();
    disk_.leaves_bytes = leaves;
    Open();
    Begin();
    Windows(1, 1);
    disk_.full = true;
    EXPECT_TRUE(absl::IsResourceExhausted(Keep(GoodWindow(2))));
    disk_.full = false;
    Windows(3, 4);
    ASSERT_TRUE(Keep(End(4)).ok());
    const auto found = Open();
    ASSERT_THAT(found.attempts, SizeIs(1)) << leaves;
    EXPECT_THAT(Sequences(found.attempts[0]), ElementsAre(3, 4)) << leaves;
  }
}

TEST_F(SpoolLogTest, AnAttemptBegunOnAFullDiskIsKeptOnceThereIsSpace) {
  disk_.full = true;
  EXPECT_FALSE(Keep(GoodAssign()).ok());
  EXPECT_FALSE(Keep(Started("s1.1.1")).ok());
  EXPECT_FALSE(Keep(GoodWindow(1)).ok());
  disk_.full = false;
  Windows(2, 2);
  ASSERT_TRUE(Keep(End(2)).ok());
  const auto found = Open();
  ASSERT_THAT(found.attempts, SizeIs(1));
  EXPECT_TRUE(found.attempts[0].started);
  EXPECT_THAT(Sequences(found.attempts[0]), ElementsAre(2));
}

TEST_F(SpoolLogTest, AnEndThatCannotBeKeptIsNone) {
  Begin();
  Windows(1, 1);
  disk_.full = true;
  EXPECT_FALSE(Keep(End(1)).ok());
  EXPECT_THAT(Open().attempts, IsEmpty());
}

TEST_F(SpoolLogTest, WindowsAreBoundedAndEndsAreNot) {
  Begin();
  log_->set_max_bytes(log_->bytes() + EncodeRecord(GoodWindow(1)).size());
  Windows(1, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(Keep(GoodWindow(2))));
  EXPECT_EQ(log_->bytes(), disk_.size());
  ASSERT_TRUE(Keep(End(2)).ok());
  const auto found = Open();
  ASSERT_THAT(found.attempts, SizeIs(1));
  EXPECT_THAT(found.attempts[0].windows, IsEmpty()) << "the last one is missing: only the coordinator may have it";
}

TEST_F(SpoolLogTest, ARecordThatIsTooLargeIsRefused) {
  Begin();
  v1::AttemptFinished end = End(0);
  end.set_log_tail(std::string(kMaxRecordBytes, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(Keep(end)));
  EXPECT_EQ(Keep(GoodWindow(1), "s9.9.9").code(), absl::StatusCode::kNotFound);
}

TEST_F(SpoolLogTest, MoreThanAHelloCanNameWaitForTheNextStart) {
  for (int i = 0; i < 66; ++i) {
    const std::string id = "s1." + std::to_string(i + 1) + ".1";
    Begin(id);
    ASSERT_TRUE(Keep(End(0), id).ok());
  }
  const auto found = Open();
  EXPECT_THAT(found.attempts, SizeIs(64));
  EXPECT_EQ(found.attempts[0].assign.attempt_id(), "s1.1.1") << "oldest first";
  EXPECT_THAT(Warnings(found), SizeIs(2));
  for (const KeptAttempt& attempt : found.attempts) Release(std::nullopt, attempt.assign.attempt_id());
  const auto rest = Open();
  ASSERT_THAT(rest.attempts, SizeIs(2));
  EXPECT_EQ(rest.attempts[0].assign.attempt_id(), "s1.65.1");
}

}  // namespace
}  // namespace rsg::agent
