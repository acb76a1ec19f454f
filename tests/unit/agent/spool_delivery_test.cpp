// What one process keeps, the next one delivers.
#include <gmock/gmock.h>

#include "agent/spool/spool_log.hpp"
#include "machine_driver.hpp"
#include "spool_memory.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SpoolDeliveryTest : public MachineDriver {
 protected:
  /// Does on the disk what was asked for since Clear.
  void Store() {
    for (const Action& action : actions_) {
      if (const auto* keep = std::get_if<Keep>(&action)) (void)log_->Keep(*keep);
      if (const auto* release = std::get_if<Release>(&action)) log_->Release(*release);
    }
    Clear();
  }
  /// One window acknowledged, then the coordinator is away while the attempt ends.
  void FinishAlone() {
    StartAttempt();
    Windows(1, 2);
    Flush();
    Hear(AckMessage("s1.1.1", 1));
    Lose();
    Windows(3, 4);
    Say(FinishedEvent());
    ChildExits();
    Store();
  }
  void NextProcess() {
    log_ = std::make_unique<SpoolLog>(&disk_);
    MachineConfig config = GoodConfig();
    config.instance_id = kOtherToken;
    config.start = ++starts_;
    config.kept = log_->Open().attempts;
    Make(std::move(config));
    Pass(0);
    Give(Tick{});
  }

  SpoolMemory disk_;
  std::unique_ptr<SpoolLog> log_ = std::make_unique<SpoolLog>(&disk_);
  std::uint32_t starts_ = 1;
};

TEST_F(SpoolDeliveryTest, TheNextProcessDeliversAFinishedAttempt) {
  FinishAlone();
  NextProcess();
  Attach();
  const auto hello = Sent(v1::AgentMessage::kHello).at(0).hello();
  EXPECT_EQ(hello.start(), 2u);
  ASSERT_EQ(hello.attempts_size(), 1);
  EXPECT_EQ(hello.attempts(0).attempt_id(), "s1.1.1");
  EXPECT_EQ(hello.attempts(0).lease_token(), kToken);
  EXPECT_EQ(hello.attempts(0).last_sequence(), 4u);
  EXPECT_TRUE(hello.attempts(0).finished());
  EXPECT_FALSE(hello.attempts(0).queued());
  EXPECT_TRUE(hello.attempts(0).started());
  Hear(AckMessage("s1.1.1", 1));
  Flush();
  EXPECT_THAT(SentWindows(), ElementsAre(2, 3, 4));
  EXPECT_EQ(Count<Spawn>(), 0);
  Hear(AckMessage("s1.1.1", 4));
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
  EXPECT_EQ(Finished().final_sequence(), 4u);
  EXPECT_EQ(Finished().lease_token(), kToken);
  EXPECT_EQ(Finished().result().throughput(), 12);
  Flush();
  Store();
  EXPECT_FALSE(disk_.files.empty()) << "its end is not acknowledged";
  Hear(FinishedAckMessage("s1.1.1"));
  Store();
  EXPECT_THAT(disk_.files, IsEmpty());
}

TEST_F(SpoolDeliveryTest, ItOutlivesAnyNumberOfProcesses) {
  FinishAlone();
  for (int i = 0; i < 3; ++i) {
    NextProcess();
    Attach();
    Hear(AckMessage("s1.1.1", 2));
    Flush();
    EXPECT_THAT(SentWindows(), ElementsAre(3, 4));
    Store();
  }
  NextProcess();
  Attach();
  Hear(AckMessage("s1.1.1", 4));
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
}

TEST_F(SpoolDeliveryTest, AnEndThatIsNotAcceptedIsForgottenToo) {
  FinishAlone();
  NextProcess();
  Attach();
  Hear(CancelMessage("s1.1.1", kToken));
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_CANCELLED);
  Flush();
  EXPECT_THAT(SentWindows(), IsEmpty());
  Hear(FinishedAckMessage("s1.1.1", /*accepted=*/false));
  Store();
  EXPECT_THAT(disk_.files, IsEmpty());
}

TEST_F(SpoolDeliveryTest, AGapThatTheCoordinatorHasCostsNothing) {
  StartAttempt();
  Windows(1, 1);
  Store();
  disk_.full = true;
  Windows(2, 2);
  Store();
  disk_.full = false;
  Windows(3, 3);
  Say(FinishedEvent());
  ChildExits();
  Store();
  const auto left = disk_.files;
  for (const std::uint32_t stored : {2u, 1u}) {
    disk_.files = left;
    NextProcess();
    Attach();
    Hear(AckMessage("s1.1.1", stored));
    Flush();
    if (stored == 2) {
      EXPECT_THAT(SentWindows(), ElementsAre(3));
      Hear(AckMessage("s1.1.1", 3));
      EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
    } else {
      EXPECT_THAT(SentWindows(), IsEmpty());
      EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
      EXPECT_EQ(Finished().final_sequence(), 1u);
      EXPECT_THAT(Finished().error(), HasSubstr("did not outlive"));
    }
  }
}

TEST_F(SpoolDeliveryTest, WhatWasAckedMeanwhileIsNotSentAgain) {
  FinishAlone();
  NextProcess();
  Attach();
  Hear(AckMessage("s1.1.1", 4));  // the earlier process was not told any more
  Flush();
  EXPECT_THAT(SentWindows(), IsEmpty());
  EXPECT_EQ(Finished().final_sequence(), 4u);
}

TEST_F(SpoolDeliveryTest, WhatNeverBeganIsNotKept) {
  StartAttempt();
  Hear(AssignMessage(GoodAssign("s1.2.1", kOtherToken)));
  Give(StopAsked{15});
  Say(FinishedEvent());
  ChildExits();
  Flush();
  for (const Action& action : actions_) {
    const auto* keep = std::get_if<Keep>(&action);
    if (keep != nullptr) {
      EXPECT_EQ(keep->attempt_id, "s1.1.1");
    }
  }
  std::vector<std::string> ended;
  for (const v1::AgentMessage& message : Sent(v1::AgentMessage::kAttemptFinished))
    ended.push_back(message.attempt_finished().attempt_id());
  EXPECT_THAT(ended, UnorderedElementsAre("s1.1.1", "s1.2.1")) << "one of them handed back";
  Store();
  NextProcess();
  Attach();
  const auto hello = Sent(v1::AgentMessage::kHello).at(0).hello();
  ASSERT_EQ(hello.attempts_size(), 1);
  EXPECT_EQ(hello.attempts(0).attempt_id(), "s1.1.1");
}

TEST_F(SpoolDeliveryTest, WhatAnEarlierProcessFoundTooLargeIsNotBegun) {
  StartAttempt();
  Say(FinishedEvent(v1::OUTCOME_OUT_OF_MEMORY));
  ChildExits(3);
  Store();
  NextProcess();
  Attach();
  Hear(AckMessage("s1.1.1", 0));
  v1::Assign larger = GoodAssign("s1.2.1", kOtherToken);
  larger.mutable_cell()->set_batch_size(4);
  Hear(AssignMessage(larger));
  Flush();
  EXPECT_EQ(Count<Spawn>(), 0) << "the coordinator cancels it once it has heard";
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_OUT_OF_MEMORY);
  Hear(AssignMessage(GoodAssign("s2.1.1", kOtherToken)));
  EXPECT_EQ(Count<Spawn>(), 1) << "other sweeps may cap the memory differently";
}

TEST_F(SpoolDeliveryTest, AnUnfinishedAttemptEndsWithItsProcess) {
  StartAttempt();
  Windows(1, 3);
  Store();
  NextProcess();
  Attach();
  EXPECT_EQ(Sent(v1::AgentMessage::kHello).at(0).hello().attempts_size(), 0);
  EXPECT_THAT(disk_.files, IsEmpty());
}

}  // namespace
}  // namespace rsg::agent
