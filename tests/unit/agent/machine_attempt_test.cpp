// What can come between an attempt's Assign and its end: cancels, repeats, refusals, children that hang.
#include <gmock/gmock.h>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using AttemptTest = MachineDriver;

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
  Hear(FinishedAckMessage("s1.1.1", false));
  for (const Action& action : actions_) {
    if (const auto* log = std::get_if<Log>(&action)) EXPECT_EQ(log->level, Log::Level::kInfo) << log->text;
  }
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

// As after the coordinator was restored from a backup: it gives a number once more, under another token.
TEST_F(AttemptTest, ALateAnswerToAnEarlierAttemptOfTheSameNumberEndsNothing) {
  StartAttempt();
  Hear(CancelMessage("s1.1.1", kToken));
  ChildExits(0, 15);
  Flush();
  Clear();
  Pass(3.5);
  ASSERT_EQ(Sent(v1::AgentMessage::kAttemptFinished).size(), 1u) << "it is said again";
  Hear(FinishedAckMessage("s1.1.1", false));
  Hear(AssignMessage(GoodAssign("s1.1.1", kOtherToken)));
  ASSERT_EQ(Count<Spawn>(), 1);
  Give(Spawned{"s1.1.1"});
  Hear(FinishedAckMessage("s1.1.1", false));
  EXPECT_EQ(Count<Terminate>(), 0);
  Say(StartedEvent());
  Say(FinishedEvent());
  ChildExits();
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
  EXPECT_EQ(Finished().lease_token(), kOtherToken);
  Hear(FinishedAckMessage("s1.1.1"));
  Hear(AssignMessage(GoodAssign("s1.2.1")));
  EXPECT_EQ(Count<Spawn>(), 2);
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

TEST_F(AttemptTest, ScriptThatDoesNotComeIsTheMachinesLossAndItsTimeIsNotTheTrainers) {
  Attach();
  Hear(AssignMessage(GoodAssign()));
  Pass(500);
  EXPECT_EQ(Count<Terminate>(), 0) << "max_runtime begins when the trainer does";
  Give(SpawnFailed{.attempt_id = "s1.1.1", .reason = "nothing came", .outcome = v1::OUTCOME_LOST});
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
  EXPECT_THAT(Finished().error(), HasSubstr("nothing came"));
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

TEST_F(AttemptTest, AFrozenAgentHearsWhatItsTrainerDidBeforeItLooksAtTheTime) {
  StartAttempt();
  now_ += 1000;  // max_runtime is 100 s
  Give({TrainerSaid{"s1.1.1", WindowEvent(1)}, TrainerSaid{"s1.1.1", FinishedEvent()},
        ChildExited{.attempt_id = "s1.1.1", .exit_code = 0, .signal = 0, .log_tail = ""}});
  EXPECT_EQ(Count<Terminate>(), 0);
  Flush();
  Hear(AckMessage("s1.1.1", 1));
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
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

TEST_F(AttemptTest, LinesOfTheLogCarryTheIdsTheyAreAbout) {
  StartAttempt();
  Say(FinishedEvent());
  ChildExits();
  Flush();
  Hear(FinishedAckMessage("s1.1.1", false));
  int lines = 0;
  for (const Action& action : actions_) {
    const auto* log = std::get_if<Log>(&action);
    if (log == nullptr) continue;
    const bool attempt = log->text.find("s1.1.1: ") == 0;
    lines += attempt ? 1 : 0;
    EXPECT_EQ(log->fields.attempt_id, attempt ? "s1.1.1" : "") << log->text;
    EXPECT_EQ(log->fields.sweep_id, attempt ? "s1" : "") << log->text;
    EXPECT_EQ(log->fields.agent_id, attempt ? "" : "a-1") << log->text;
    EXPECT_EQ(log->text.find(kToken), std::string::npos);
  }
  EXPECT_EQ(lines, 3) << "begun, completed, not accepted: " << LogText();
}

}  // namespace
}  // namespace rsg::agent
