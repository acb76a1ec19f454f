// What an attempt measured on its way to the coordinator: batches, acknowledgements, resumption, a full spool.
#include <gmock/gmock.h>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using DeliveryTest = MachineDriver;

TEST_F(DeliveryTest, RunsDeliversAndForgets) {
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

TEST_F(DeliveryTest, BatchesWaitForTheFlushTimeOrForHalfTheLimit) {
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

TEST_F(DeliveryTest, NeverMoreInFlightThanAllowedAndHeartbeatsStillPass) {
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

TEST_F(DeliveryTest, RepeatedAndOldAcksChangeNothing) {
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

TEST_F(DeliveryTest, AckOfWindowsThatWereNeverMadeIsIgnored) {
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

TEST_F(DeliveryTest, UnansweredWindowsAndEndsAreSaidAgain) {
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

TEST_F(DeliveryTest, ResumesWhereTheCoordinatorStands) {
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

TEST_F(DeliveryTest, EndIsRepeatedInEverySessionUntilAcknowledged) {
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

TEST_F(DeliveryTest, FinishedResultOutlivesADayWithoutCoordinator) {
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

TEST_F(DeliveryTest, HangsUpWhenNobodySaysWhereToGoOn) {
  StartAttempt();
  Lose();
  Clear();
  Attach();
  Pass(6.1);  // six heartbeats
  EXPECT_EQ(Count<Hangup>(), 1);
}

TEST_F(DeliveryTest, CoordinatorThatLostAckedWindowsEndsTheAttemptAsLost) {
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

TEST_F(DeliveryTest, FullSpoolEndsTheAttemptAsLost) {
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

}  // namespace
}  // namespace rsg::agent
