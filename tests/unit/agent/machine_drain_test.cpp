// Leaving: a first signal or an order finishes what is in hand, a second one or the limit hands it back.
#include <gmock/gmock.h>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;
using DrainTest = MachineDriver;

TEST_F(DrainTest, DrainWithNothingInHandEndsAtOnceAttachedOrNot) {
  Attach();
  Give(StopAsked{15});
  EXPECT_EQ(ExitCode(), 0);

  Make(GoodConfig());
  Give(Tick{});
  Lose();
  Give(StopAsked{2});
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(DrainTest, DrainFinishesAndDeliversWhatIsInHand) {
  StartAttempt();
  Clear();
  Give(StopAsked{2});
  EXPECT_THAT(LogText(), HasSubstr("finishing s1.1.1 (up to 15 s left); press again"));
  const auto heartbeats = Sent(v1::AgentMessage::kHeartbeat);
  ASSERT_EQ(heartbeats.size(), 1u) << "the coordinator hears of it at once";
  EXPECT_TRUE(heartbeats[0].heartbeat().draining());
  Flush();
  Hear(AssignMessage(GoodAssign("s1.2.1")));
  Flush();
  EXPECT_EQ(Finished().attempt_id(), "s1.2.1");
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
  Say(FinishedEvent());
  ChildExits();
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_COMPLETED);
  EXPECT_EQ(ExitCode(), std::nullopt);
  Hear(FinishedAckMessage("s1.1.1"));
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(DrainTest, DrainWaitsForTheCoordinatorToComeBack) {
  StartAttempt();
  Say(FinishedEvent());
  ChildExits();
  Lose();
  Give(StopAsked{15});
  Pass(1000);
  EXPECT_EQ(ExitCode(), std::nullopt);
  const auto hellos = Sent(v1::AgentMessage::kHello);
  EXPECT_TRUE(hellos.back().hello().draining());
}

TEST_F(DrainTest, DrainThatBeginsBehindTheHelloIsToldAtOnceAfterTheWelcome) {
  StartAttempt();
  Lose();
  Pass(10);
  ASSERT_TRUE(dialled_);
  Give(StopAsked{15});
  Clear();
  Attach();
  const auto heartbeats = Sent(v1::AgentMessage::kHeartbeat);
  ASSERT_EQ(heartbeats.size(), 1u);
  EXPECT_TRUE(heartbeats[0].heartbeat().draining());
}

TEST_F(DrainTest, SecondSignalKillsTheChildAndHandsTheAttemptBack) {
  StartAttempt();
  Give(StopAsked{2});
  Flush();
  Clear();
  Give(StopAsked{2});
  EXPECT_EQ(Count<Kill>(), 1);
  ChildExits(0, 9);
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
  EXPECT_EQ(ExitCode(), std::nullopt);
  Hear(FinishedAckMessage("s1.1.1"));
  EXPECT_EQ(ExitCode(), 130);
}

TEST_F(DrainTest, SecondSignalDoesNotWaitForADeafCoordinator) {
  StartAttempt();
  Give(StopAsked{15});
  Give(StopAsked{15});
  ChildExits(0, 9);
  Pass(1.1);
  EXPECT_EQ(ExitCode(), 143);

  Make(GoodConfig());
  StartAttempt();
  Lose();
  Give(StopAsked{15});
  Give(StopAsked{15});
  EXPECT_EQ(ExitCode(), std::nullopt) << "the child is still to be seen off";
  ChildExits(0, 9);
  EXPECT_EQ(ExitCode(), 143);
}

TEST_F(DrainTest, DrainLimitHandsBackWhatTakesTooLong) {
  MachineConfig config = GoodConfig();
  config.drain_limit_seconds = 8;
  Make(config);
  StartAttempt();
  Give(StopAsked{15});
  Pass(7.9);
  EXPECT_EQ(Count<Kill>(), 0);
  Pass(0.2);
  EXPECT_EQ(Count<Kill>(), 1);
  ChildExits(0, 9);
  Flush();
  EXPECT_EQ(Finished().outcome(), v1::OUTCOME_LOST);
  Hear(FinishedAckMessage("s1.1.1"));
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(DrainTest, CoordinatorsDrainAndExitAreObeyed) {
  StartAttempt();
  v1::CoordinatorMessage drain;
  drain.mutable_drain()->set_reason("maintenance");
  Hear(drain);
  EXPECT_TRUE(machine_->draining());
  EXPECT_EQ(ExitCode(), std::nullopt);
  v1::CoordinatorMessage exit;
  exit.mutable_exit()->set_reason("go away");
  Clear();
  Hear(exit);
  EXPECT_EQ(Count<Kill>(), 1);
  EXPECT_EQ(ExitCode(), 1);
  EXPECT_THAT(LogText(), HasSubstr("go away"));
}

TEST_F(DrainTest, NothingHappensAfterExit) {
  Attach();
  Give(StopAsked{15});
  Clear();
  Hear(AssignMessage(GoodAssign()));
  Give(Tick{});
  EXPECT_TRUE(actions_.empty());
  EXPECT_EQ(machine_->Deadline(), kNever);
}

}  // namespace
}  // namespace rsg::agent
