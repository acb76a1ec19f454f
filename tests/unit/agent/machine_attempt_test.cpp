// One attempt, from Assign to FinishedAck, and all that can come between.
#include <gmock/gmock.h>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using AttemptTest = MachineDriver;

TEST_F(AttemptTest, RunsDeliversAndForgets) {
  Attach();
  Hear(AssignMessage(GoodAssign()));
  EXPECT_EQ(Count<Spawn>(), 1);
  EXPECT_THAT(Sent(v1::AgentMessage::kAttemptStarted), IsEmpty()) << "not before it runs";
  Give(Spawned{"s1.1.1"});
  ASSERT_EQ(Sent(v1::AgentMessage::kAttemptStarted).size(), 1u);
  EXPECT_EQ(Sent(v1::AgentMessage::kAttemptStarted)[0].attempt_started().device_name(), "Some CPU");
  Say(StartedEvent());
  Windows(1, 3);
  Say(FinishedEvent());
  ChildExits();
  Flush();
  EXPECT_THAT(SentWindows(), ElementsAre(1, 2, 3));
  EXPECT_THAT(Sent(v1::AgentMessage::kAttemptFinished), IsEmpty()) << "the windows are not stored yet";
  Hear(AckMessage("s1.1.1", 3));
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
  EXPECT_EQ(Finished().final_sequence(), 3u);
  EXPECT_EQ(Finished().lease_token(), kToken);
  EXPECT_EQ(Finished().result().throughput(), 12);
  Flush();
  Hear(FinishedAckMessage("s1.1.1"));
  Hear(AssignMessage(GoodAssign("s1.2.1", kOtherToken)));
  EXPECT_EQ(Count<Spawn>(), 2) << "free for the next one";
}

TEST_F(AttemptTest, BatchesWaitForTheFlushTimeOrForHalfTheLimit) {
  StartAttempt();
  Clear();
  Windows(1, 1);
  EXPECT_THAT(SentWindows(), IsEmpty());
  Pass(0.49);
  EXPECT_THAT(SentWindows(), IsEmpty());
  Pass(0.02);
  EXPECT_THAT(SentWindows(), ElementsAre(1));
  Windows(2, 3);
  EXPECT_THAT(SentWindows(), ElementsAre(1, 2, 3));
}

TEST_F(AttemptTest, NeverMoreInFlightThanAllowedAndHeartbeatsStillPass) {
  StartAttempt();
  Windows(1, 9);
  Flush();
  EXPECT_THAT(SentWindows(), ElementsAre(1, 2, 3, 4));
  Clear();
  Pass(1.5);
  EXPECT_THAT(SentWindows(), IsEmpty());
  EXPECT_FALSE(Sent(v1::AgentMessage::kHeartbeat).empty());
  Hear(AckMessage("s1.1.1", 3));
  Flush();
  EXPECT_THAT(SentWindows(), ElementsAre(5, 6, 7));
}

TEST_F(AttemptTest, RepeatedAndOldAcksChangeNothing) {
  StartAttempt();
  Windows(1, 4);
  Flush();
  Hear(AckMessage("s1.1.1", 2));
  Hear(AckMessage("s1.1.1", 2));
  Hear(AckMessage("s1.1.1", 1));
  Hear(AckMessage("s9.9.9", 4));
  Windows(5, 9);
  Flush();
  EXPECT_THAT(SentWindows(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(AttemptTest, AckOfWindowsThatWereNeverMadeIsIgnored) {
  StartAttempt();
  Windows(1, 2);
  Flush();
  Hear(AckMessage("s1.1.1", 50));
  EXPECT_THAT(LogText(), HasSubstr("never made"));
  Hear(AckMessage("s1.1.1", 2));
  Say(FinishedEvent());
  ChildExits();
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
}

TEST_F(AttemptTest, UnansweredWindowsAndEndsAreSaidAgain) {
  StartAttempt();
  Windows(1, 2);
  Flush();
  Clear();
  Pass(3.1);  // three heartbeats
  EXPECT_THAT(SentWindows(), ElementsAre(1, 2));
  Hear(AckMessage("s1.1.1", 2));
  Say(FinishedEvent());
  ChildExits();
  Flush();
  EXPECT_EQ(Sent(v1::AgentMessage::kAttemptFinished).size(), 1u);
  Pass(3.1);
  EXPECT_EQ(Sent(v1::AgentMessage::kAttemptFinished).size(), 2u);
}

TEST_F(AttemptTest, ResumesWhereTheCoordinatorStands) {
  StartAttempt();
  Windows(1, 4);
  Flush();
  Hear(AckMessage("s1.1.1", 1));
  Lose();
  Clear();
  Windows(5, 6);
  EXPECT_EQ(Count<Terminate>() + Count<Kill>(), 0) << "the child goes on";
  Attach();
  const auto hello = Sent(v1::AgentMessage::kHello)[0].hello();
  ASSERT_EQ(hello.attempts_size(), 1);
  EXPECT_EQ(hello.attempts(0).attempt_id(), "s1.1.1");
  EXPECT_EQ(hello.attempts(0).lease_token(), kToken);
  EXPECT_EQ(hello.attempts(0).last_sequence(), 6u);
  EXPECT_FALSE(hello.attempts(0).finished());
  EXPECT_THAT(SentWindows(), IsEmpty()) << "not before the coordinator says where it stands";
  Hear(AckMessage("s1.1.1", 3));  // it had stored more than the last Ack that came through
  Flush();
  EXPECT_EQ(Sent(v1::AgentMessage::kAttemptStarted).size(), 1u) << "repeated after a reconnect";
  EXPECT_THAT(SentWindows(), ElementsAre(4, 5, 6));
}

TEST_F(AttemptTest, EndIsRepeatedInEverySessionUntilAcknowledged) {
  StartAttempt();
  Say(FinishedEvent());
  ChildExits();
  Flush();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
    Lose();
    Clear();
    Attach();
    EXPECT_TRUE(Sent(v1::AgentMessage::kHello)[0].hello().attempts(0).finished());
    Hear(AckMessage("s1.1.1", 0));
    Flush();
  }
  Hear(FinishedAckMessage("s1.1.1"));
  Lose();
  Clear();
  Attach();
  EXPECT_EQ(Sent(v1::AgentMessage::kHello)[0].hello().attempts_size(), 0);
}

TEST_F(AttemptTest, FinishedResultOutlivesADayWithoutCoordinator) {
  StartAttempt();
  Windows(1, 2);
  Say(FinishedEvent());
  ChildExits();
  Lose();
  for (int i = 0; i < 86400 / 4; ++i) {
    Pass(4);
    Lose();
  }
  Clear();
  Attach();
  Hear(AckMessage("s1.1.1", 0));
  Flush();
  Hear(AckMessage("s1.1.1", 2));
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
}

TEST_F(AttemptTest, HangsUpWhenNobodySaysWhereToGoOn) {
  StartAttempt();
  Lose();
  Clear();
  Attach();
  Pass(6.1);  // six heartbeats
  EXPECT_EQ(Count<Hangup>(), 1);
}

TEST_F(AttemptTest, CoordinatorThatLostAckedWindowsEndsTheAttemptAsLost) {
  StartAttempt();
  Windows(1, 4);
  Flush();
  Hear(AckMessage("s1.1.1", 4));
  Lose();
  Attach();
  Clear();
  Hear(AckMessage("s1.1.1", 2));
  EXPECT_EQ(Count<Kill>(), 1);
  ChildExits(0, 9);
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
  EXPECT_EQ(Finished().final_sequence(), 2u);
}

TEST_F(AttemptTest, FullSpoolEndsTheAttemptAsLost) {
  StartAttempt();
  Lose();
  Windows(1, 10);
  EXPECT_EQ(Count<Kill>(), 0);
  Windows(11, 12);
  EXPECT_EQ(Count<Kill>(), 1);
  ChildExits(0, 9);
  Clear();
  Attach();
  Hear(AckMessage("s1.1.1", 0));
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
  EXPECT_EQ(Finished().final_sequence(), 0u);
  EXPECT_THAT(SentWindows(), IsEmpty());
}

TEST_F(AttemptTest, CancelTerminatesThenKills) {
  StartAttempt();
  Windows(1, 3);
  Flush();
  Clear();
  Hear(CancelMessage("s1.1.1", kToken));
  EXPECT_EQ(Count<Terminate>(), 1);
  Hear(CancelMessage("s1.1.1", kToken));
  EXPECT_EQ(Count<Terminate>(), 1) << "repeating it changes nothing";
  Pass(1.9);
  EXPECT_EQ(Count<Kill>(), 0);
  Pass(0.2);
  EXPECT_EQ(Count<Kill>(), 1);
  ChildExits(0, 9);
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_THAT(Finished().error(), HasSubstr("by the operator"));
  Hear(FinishedAckMessage("s1.1.1", false));
  Hear(AssignMessage(GoodAssign("s1.2.1")));
  EXPECT_EQ(Count<Spawn>(), 1);
}

TEST_F(AttemptTest, CancelOfAnotherLeaseIsIgnored) {
  StartAttempt();
  Hear(CancelMessage("s1.1.1", kOtherToken));
  EXPECT_EQ(Count<Terminate>(), 0);
  Hear(CancelMessage("s1.1.1", ""));  // whatever token it has
  EXPECT_EQ(Count<Terminate>(), 1);
}

TEST_F(AttemptTest, CancelWhileTheTrainerFinishesStaysACancel) {
  StartAttempt();
  Hear(CancelMessage("s1.1.1", kToken));
  Windows(1, 2);
  Say(FinishedEvent(v1::OUTCOME_COMPLETED));
  ChildExits();
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_FALSE(Finished().has_result());
}

TEST_F(AttemptTest, CancelAfterTheEndWasStoredWholeKeepsTheEnd) {
  StartAttempt();
  Say(FinishedEvent());
  ChildExits();
  Flush();
  Hear(CancelMessage("s1.1.1", kToken));
  Pass(4);
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
}

TEST_F(AttemptTest, CancelBeforeAllWindowsAreStoredGivesUpTheEnd) {
  StartAttempt();
  Windows(1, 8);
  Say(FinishedEvent());
  ChildExits();
  Flush();
  Hear(AckMessage("s1.1.1", 2));
  Flush();
  Hear(CancelMessage("s1.1.1", kToken));
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(Finished().final_sequence(), 2u);
}

TEST_F(AttemptTest, CancelInsteadOfAckAfterAReconnectFencesTheAttempt) {
  StartAttempt();
  Windows(1, 4);
  Flush();
  Lose();
  Clear();
  Attach();
  Hear(CancelMessage("s1.1.1", kToken));
  EXPECT_EQ(Count<Terminate>(), 1);
  ChildExits(0, 15);
  Flush();
  EXPECT_THAT(SentWindows(), IsEmpty());
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_CANCELLED);
}

TEST_F(AttemptTest, CancelOfAnAttemptThatNeverArrivedIsAnswered) {
  Attach();
  Clear();
  Hear(CancelMessage("s5.5.1", kOtherToken));
  EXPECT_EQ(Finished().attempt_id(), "s5.5.1");
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_CANCELLED);
  Flush();
  Hear(FinishedAckMessage("s5.5.1", false));
  Clear();
  Pass(10);
  EXPECT_THAT(Sent(v1::AgentMessage::kAttemptFinished), IsEmpty());
}

TEST_F(AttemptTest, RepeatedAssignIsANoOp) {
  StartAttempt();
  Hear(AssignMessage(GoodAssign()));
  EXPECT_EQ(Count<Spawn>(), 1);
  Flush();
  EXPECT_THAT(Sent(v1::AgentMessage::kAttemptFinished), IsEmpty());
}

TEST_F(AttemptTest, NextAttemptRunsWhileTheLastOneIsStillToBeAcknowledged) {
  StartAttempt();
  Windows(1, 3);
  Say(FinishedEvent());
  ChildExits();
  Flush();
  Clear();
  Hear(AssignMessage(GoodAssign("s1.2.1", kOtherToken)));
  ASSERT_EQ(Count<Spawn>(), 1);
  Give(Spawned{"s1.2.1"});
  Say(StartedEvent(), "s1.2.1");
  for (std::uint32_t i = 1; i <= 4; ++i) Say(WindowEvent(i), "s1.2.1");
  Flush();
  EXPECT_EQ(SentWindows().size(), 1u) << "the limit of four in flight holds for both together";
  Lose();
  Clear();
  Attach();
  EXPECT_EQ(Sent(v1::AgentMessage::kHello)[0].hello().attempts_size(), 2);
  Hear(AckMessage("s1.1.1", 3));
  Hear(AckMessage("s1.2.1", 0));
  Flush();
  EXPECT_EQ(Finished().attempt_id(), "s1.1.1");
  Hear(FinishedAckMessage("s1.1.1"));
  EXPECT_EQ(SentWindows().size(), 4u);
  Lose();
  Clear();
  Attach();
  EXPECT_EQ(Sent(v1::AgentMessage::kHello)[0].hello().attempts_size(), 1);
}

TEST_F(AttemptTest, LateRepeatOfAnAssignThatHasEndedDoesNotRunAgain) {
  StartAttempt();
  Say(FinishedEvent());
  ChildExits();
  Flush();
  Hear(FinishedAckMessage("s1.1.1"));
  Clear();
  Hear(AssignMessage(GoodAssign()));
  EXPECT_EQ(Count<Spawn>(), 0);
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
}

TEST_F(AttemptTest, RefusesWhatItCannotTake) {
  StartAttempt();
  Clear();
  Hear(AssignMessage(GoodAssign("s1.2.1")));
  EXPECT_THAT(Finished().error(), HasSubstr("busy with s1.1.1"));
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);

  Make(GoodConfig());
  Attach();
  v1::Assign stranger = GoodAssign();
  stranger.set_device_id("GPU-9");
  Hear(AssignMessage(stranger));
  EXPECT_THAT(Finished().error(), HasSubstr("GPU-9"));
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
  Flush();

  v1::Assign nonsense = GoodAssign("s1.3.1");
  nonsense.mutable_cell()->set_batch_size(0);
  Hear(AssignMessage(nonsense));
  EXPECT_THAT(Finished().error(), HasSubstr("batch_size"));
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_FAILED);
  Flush();

  v1::Assign endless = GoodAssign("s1.4.1");
  endless.set_max_runtime_seconds(0);
  Hear(AssignMessage(endless));
  EXPECT_THAT(Finished().error(), HasSubstr("max_runtime"));

  Clear();
  v1::Assign nameless = GoodAssign("");
  Hear(AssignMessage(nameless));
  EXPECT_THAT(Sent(v1::AgentMessage::kAttemptFinished), IsEmpty());
  EXPECT_EQ(Count<Spawn>(), 0);
}

TEST_F(AttemptTest, TrainerThatCannotBeStartedFailsTheJobNotTheAgent) {
  Attach();
  Hear(AssignMessage(GoodAssign()));
  Give(SpawnFailed{"s1.1.1", "cannot start /opt/rsg-trainer: No such file"});
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(Finished().error(), HasSubstr("/opt/rsg-trainer"));
  EXPECT_EQ(ExitCode(), std::nullopt);
}

TEST_F(AttemptTest, MaxRuntimeEndsAChildThatHangs) {
  StartAttempt();
  Pass(99);
  EXPECT_EQ(Count<Terminate>(), 0);
  Pass(1.5);
  EXPECT_EQ(Count<Terminate>(), 1);
  Pass(2);
  EXPECT_EQ(Count<Kill>(), 1);
  ChildExits(0, 9);
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(Finished().error(), HasSubstr("max_runtime"));
  EXPECT_THAT(Finished().log_tail(), HasSubstr("last words"));
}

TEST_F(AttemptTest, ChildThatLingersAfterItsResultIsSeenOffAndTheResultStands) {
  StartAttempt();
  Say(FinishedEvent());
  Pass(2.1);
  EXPECT_EQ(Count<Terminate>(), 1);
  Pass(2.1);
  EXPECT_EQ(Count<Kill>(), 1);
  ChildExits(0, 9);
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
}

}  // namespace
}  // namespace rsg::agent
