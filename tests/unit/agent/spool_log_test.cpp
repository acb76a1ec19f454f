// What the next process finds of the attempts of the one before: whole, torn, garbled, of somebody else.
#include "agent/spool/spool_log.hpp"

#include <gmock/gmock.h>

#include "agent/spool/record.hpp"
#include "machine_driver.hpp"
#include "spool_memory.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::AttemptStarted Started(const std::string& id) {
  v1::AttemptStarted started;
  started.set_attempt_id(id);
  started.set_lease_token(kToken);
  started.set_device_name("Some CPU");
  return started;
}

v1::AttemptFinished End(std::uint32_t final_sequence) {
  v1::AttemptFinished end;
  end.set_outcome(v1::OUTCOME_COMPLETED);
  end.mutable_result()->set_throughput(12);
  end.set_final_sequence(final_sequence);
  return end;
}

std::vector<std::uint32_t> Sequences(const KeptAttempt& attempt) {
  std::vector<std::uint32_t> sequences;
  for (const v1::Window& window : attempt.windows) sequences.push_back(window.sequence());
  return sequences;
}

std::vector<std::string> Warnings(const SpoolLog::Found& found) {
  std::vector<std::string> texts;
  for (const Log& log : found.log)
    if (log.level == LogLevel::kWarning) texts.push_back(log.text);
  return texts;
}

class SpoolLogTest : public ::testing::Test {
 protected:
  absl::Status Keep(const KeptRecord& record, const std::string& id = "s1.1.1") {
    return log_->Keep({.attempt_id = id, .record = record});
  }
  void Begin(const std::string& id = "s1.1.1") {
    ASSERT_TRUE(Keep(GoodAssign(id), id).ok());
    ASSERT_TRUE(Keep(Started(id), id).ok());
  }
  void Windows(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t i = first; i <= last; ++i) ASSERT_TRUE(Keep(GoodWindow(i)).ok());
  }
  void Release(std::optional<std::uint32_t> through, const std::string& id = "s1.1.1") {
    log_->Release({.attempt_id = id, .through = through});
  }
  /// Windows 1 to the first number, the rest in a second segment, and the end.
  std::uint32_t TwoSegments() {
    Begin();
    std::uint32_t last = 0;
    while (disk_.files.size() < 2) Windows(last + 1, last + 1), ++last;
    Windows(last + 1, last + 3);
    EXPECT_TRUE(Keep(End(last + 3)).ok());
    return last - 1;
  }
  /// The next process.
  SpoolLog::Found Open() {
    log_ = std::make_unique<SpoolLog>(&disk_);
    return log_->Open();
  }

  SpoolMemory disk_;
  std::unique_ptr<SpoolLog> log_ = std::make_unique<SpoolLog>(&disk_);
};

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
