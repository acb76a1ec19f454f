// What the next process finds of the attempts of the one before: whole, torn, garbled, of somebody else.
#include "agent/spool/spool_log.hpp"

#include <gmock/gmock.h>

#include "agent/spool/record.hpp"
#include "spool_log_fixture.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(SpoolLogTest, AFinishedAttemptComesBackWhole) {
  Begin();
  Windows(1, 3);
  ASSERT_TRUE(Keep(End(3)).ok());
  const auto found = Open();
  EXPECT_THAT(Warnings(found), IsEmpty());
  ASSERT_THAT(found.attempts, SizeIs(1));
  const KeptAttempt& kept = found.attempts[0];
  EXPECT_EQ(kept.assign.SerializeAsString(), GoodAssign().SerializeAsString());
  ASSERT_TRUE(kept.started);
  EXPECT_EQ(kept.started->device_name(), "Some CPU");
  EXPECT_EQ(kept.end.SerializeAsString(), End(3).SerializeAsString());
  ASSERT_THAT(Sequences(kept), ElementsAre(1, 2, 3));
  EXPECT_EQ(kept.windows[1].SerializeAsString(), GoodWindow(2).SerializeAsString());
  EXPECT_EQ(log_->bytes(), disk_.size());
  Release(std::nullopt);
  EXPECT_THAT(disk_.files, IsEmpty());
  EXPECT_EQ(log_->bytes(), 0u);
}

TEST_F(SpoolLogTest, AnUnfinishedAttemptIsRemoved) {
  Begin();
  Windows(1, 3);
  const auto found = Open();
  EXPECT_THAT(found.attempts, IsEmpty());
  ASSERT_THAT(found.log, SizeIs(1));
  EXPECT_THAT(found.log[0].text, HasSubstr("s1.1.1: was not finished"));
  EXPECT_EQ(found.log[0].fields.attempt_id, "s1.1.1");
  EXPECT_THAT(disk_.files, IsEmpty());
}

TEST_F(SpoolLogTest, TornAtAnyByteItIsWholeOrNotThere) {
  Begin();
  Windows(1, 2);
  ASSERT_TRUE(Keep(End(2)).ok());
  const std::string name = disk_.files.begin()->first;
  const std::string whole = disk_.files.begin()->second;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    disk_.files = {{name, whole.substr(0, length)}};
    const auto found = Open();
    EXPECT_THAT(found.attempts, IsEmpty()) << length << " bytes of " << whole.size();
    EXPECT_THAT(Warnings(found), IsEmpty());
    EXPECT_THAT(disk_.files, IsEmpty());
  }
  disk_.files = {{name, whole + "\x05"}};
  EXPECT_THAT(Open().attempts, SizeIs(1)) << "something was begun behind the end";
}

TEST_F(SpoolLogTest, AGarbledRecordIsNeverTakenForGood) {
  Begin();
  Windows(1, 2);
  ASSERT_TRUE(Keep(End(2)).ok());
  const std::string name = disk_.files.begin()->first;
  const std::string whole = disk_.files.begin()->second;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string garbled = whole;
    garbled[i] = static_cast<char>(garbled[i] ^ (1 << (i % 8)));
    disk_.files = {{name, garbled}};
    const auto found = Open();
    EXPECT_THAT(found.attempts, IsEmpty()) << "byte " << i;
    const bool looks_torn = i >= kSpoolMagic.size() && i < kSpoolMagic.size() + 4;  // the first record's length
    if (!looks_torn) {
      EXPECT_THAT(found.log, SizeIs(1)) << "byte " << i << ": it is said";
    }
    EXPECT_EQ(disk_.files.contains(name), i < kSpoolMagic.size()) << "what may be somebody else's is left alone";
  }
}

TEST_F(SpoolLogTest, FileOfZerosIsOneThatLostPower) {
  Begin();
  for (auto& [name, bytes] : disk_.files) bytes.assign(bytes.size(), '\0');
  EXPECT_THAT(Warnings(Open()), IsEmpty());
  EXPECT_THAT(disk_.files, IsEmpty());
}

TEST_F(SpoolLogTest, GarbledWindowsLeaveTheLastRunWithoutAGap) {
  const std::uint32_t first = TwoSegments();
  std::string& bytes = disk_.files.begin()->second;
  bytes[bytes.size() - 1] = static_cast<char>(bytes.back() ^ 1);  // of the segment's last window
  const auto found = Open();
  ASSERT_THAT(found.attempts, SizeIs(1));
  EXPECT_EQ(found.attempts[0].windows.front().sequence(), first + 1);
  EXPECT_EQ(found.attempts[0].windows.back().sequence(), found.attempts[0].end.final_sequence());
}

TEST_F(SpoolLogTest, AWrongLengthReadsNothingBehindTheFile) {
  std::string bytes(kSpoolMagic);
  bytes += EncodeRecord(GoodAssign());
  for (const std::uint32_t length : {0xffffffffu, 0x7fffffffu, 256u << 10, (256u << 10) + 1, 1u}) {
    std::string header(9, '\0');
    for (int i = 0; i < 4; ++i) header[i] = static_cast<char>(length >> (8 * i));
    EXPECT_THAT(DecodeFile(bytes + header).records, SizeIs(1)) << length;
  }
}

TEST_F(SpoolLogTest, FilesOfOthersAreLeftAlone) {
  disk_.files = {{"0000000003.spool", "RSGSPL2\nwhat a later version writes"},
                 {"0000000007.spool", "no spool at all"},
                 {"notes.txt", "mine"},
                 {"12.spool", "not named by us"}};
  const auto before = disk_.files;
  const auto found = Open();
  EXPECT_THAT(found.attempts, IsEmpty());
  EXPECT_THAT(Warnings(found), ElementsAre(HasSubstr("0000000003.spool in the spool is of another version"),
                                           HasSubstr("0000000007.spool in the spool is no file of this program")));
  EXPECT_EQ(disk_.files, before);
  Begin();
  EXPECT_TRUE(disk_.files.contains("0000000008.spool")) << "never appended to what was there";
}

TEST_F(SpoolLogTest, NothingIsAppendedToWhatAFolderThatCannotBeReadHas) {
  disk_.files = {{"0000000001.spool", "of an earlier process"}};
  disk_.unreadable = true;
  EXPECT_THAT(Warnings(Open()), ElementsAre(HasSubstr("the folder cannot be read")));
  EXPECT_TRUE(absl::IsPermissionDenied(Keep(GoodAssign())));
  disk_.unreadable = false;
  Windows(1, 1);
  ASSERT_TRUE(Keep(End(1)).ok());
  EXPECT_EQ(disk_.files.at("0000000001.spool"), "of an earlier process");
  EXPECT_THAT(Open().attempts, SizeIs(1));
}

TEST_F(SpoolLogTest, ALaterEndCountsAndMayBeOfFewerWindows) {
  Begin();
  Windows(1, 3);
  ASSERT_TRUE(Keep(End(3)).ok());
  v1::AttemptFinished lost;
  lost.set_outcome(v1::OUTCOME_LOST);
  lost.set_final_sequence(2);
  ASSERT_TRUE(Keep(lost).ok());
  const auto found = Open();
  ASSERT_THAT(found.attempts, SizeIs(1));
  EXPECT_EQ(found.attempts[0].end.outcome(), v1::OUTCOME_LOST);
  EXPECT_THAT(Sequences(found.attempts[0]), ElementsAre(1, 2));
}

TEST_F(SpoolLogTest, AnotherLeaseOfTheSameAttemptBeginsAnew) {
  Begin();
  Windows(1, 3);
  ASSERT_TRUE(Keep(GoodAssign("s1.1.1", kOtherToken)).ok());
  ASSERT_TRUE(Keep(End(0)).ok());
  const auto found = Open();
  ASSERT_THAT(found.attempts, SizeIs(1));
  EXPECT_EQ(found.attempts[0].assign.lease_token(), kOtherToken);
  EXPECT_THAT(found.attempts[0].windows, IsEmpty());
}

}  // namespace
}  // namespace rsg::agent
