// Reaching the coordinator, losing it, giving up.
#include <gmock/gmock.h>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;
using LinkTest = MachineDriver;

TEST_F(LinkTest, DialsAtOnceAndSaysWhoItIs) {
  Give(Tick{});
  EXPECT_EQ(Count<Dial>(), 1);
  EXPECT_EQ(Count<Enrol>(), 0);
  const auto hellos = Sent(v1::AgentMessage::kHello);
  ASSERT_EQ(hellos.size(), 1u);
  EXPECT_EQ(hellos[0].hello().name(), "one");
  EXPECT_EQ(hellos[0].hello().instance_id(), kToken);
  EXPECT_EQ(hellos[0].hello().attempts_size(), 0);
  EXPECT_FALSE(hellos[0].hello().draining());
}

TEST_F(LinkTest, CountsItsStreams) {
  Attach();
  Lose();
  Attach();
  const auto hellos = Sent(v1::AgentMessage::kHello);
  ASSERT_EQ(hellos.size(), 2u);
  EXPECT_EQ(hellos[0].hello().stream(), 1u);
  EXPECT_EQ(hellos[1].hello().stream(), 2u);
}

TEST_F(LinkTest, EnrolsFirstWhenItNeverDid) {
  MachineConfig config = GoodConfig();
  config.enrolled = false;
  Make(config);
  Give(Tick{});
  EXPECT_EQ(Count<Enrol>(), 1);
  EXPECT_EQ(Count<Dial>(), 0);
  Give(Enrolled{});
  EXPECT_EQ(Count<Dial>(), 1);
}

TEST_F(LinkTest, SendsHeartbeatsWhileAttached) {
  Attach();
  Clear();
  Pass(3.5);
  EXPECT_EQ(Sent(v1::AgentMessage::kHeartbeat).size(), 3u);
}

TEST_F(LinkTest, HeartbeatsWaitForAStalledWireAndDoNotPileUp) {
  Attach();
  Hear(AssignMessage(GoodAssign()));
  Give(Spawned{"s1.1.1"});  // AttemptStarted is on the wire, which does not move
  Clear();
  for (int i = 0; i < 10; ++i) {
    now_ += 1;
    Give(Tick{});
  }
  EXPECT_EQ(Count<Send>(), 0);
  Give(WriteDone{});
  EXPECT_EQ(Sent(v1::AgentMessage::kHeartbeat).size(), 1u);
}

TEST_F(LinkTest, ComesBackWithinTheCapForEver) {
  Attach();
  int dials = 0;
  for (int i = 0; i < 1000; ++i) {
    Lose();
    Clear();
    Pass(4.01);
    dials += Count<Dial>();
    EXPECT_EQ(ExitCode(), std::nullopt);
  }
  EXPECT_EQ(dials, 1000);
}

TEST_F(LinkTest, BackOffGrowsToTheCap) {
  Make(GoodConfig(), 0.999);
  Attach();
  std::vector<double> waits;
  for (int i = 0; i < 6; ++i) {
    Lose();
    waits.push_back(machine_->Deadline() - now_);
    Pass(5);
  }
  EXPECT_NEAR(waits[0], 0.5, 0.01);
  EXPECT_NEAR(waits[1], 1, 0.01);
  EXPECT_NEAR(waits[2], 2, 0.01);
  EXPECT_NEAR(waits[5], 4, 0.01);
}

TEST_F(LinkTest, ASessionThatLivedResetsTheBackOffAndOneThatDidNotDoesNot) {
  Make(GoodConfig(), 0.999);
  for (int i = 0; i < 5; ++i) {
    Give(Tick{});
    Lose();
    Pass(30);
  }
  Clear();
  Hear(WelcomeMessage());
  Lose();
  EXPECT_NEAR(machine_->Deadline() - now_, 4, 0.01) << "broke at once: keeps its distance";
  Pass(30);
  Hear(WelcomeMessage());
  Pass(10);
  Lose();
  EXPECT_NEAR(machine_->Deadline() - now_, 0.5, 0.01);
}

TEST_F(LinkTest, LogsALongOutageSparsely) {
  Attach();
  Clear();
  int lines = 0;
  for (double elapsed = 0; elapsed < 86400; elapsed += 4) {
    Lose();
    Pass(4);
    lines += Count<Log>();
    Clear();
  }
  EXPECT_GE(lines, 5);
  EXPECT_LE(lines, 50);
}

TEST_F(LinkTest, RefusedCredentialEnrolsAgainOnceThenEndsWithTheReason) {
  Give(Tick{});
  Lose(LinkLoss::kRefused);
  Pass(31);
  EXPECT_EQ(Count<Enrol>(), 1);
  Give(Enrolled{});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ExitCode(), std::nullopt) << i;
    Lose(LinkLoss::kRefused);
    Pass(31);
  }
  EXPECT_EQ(ExitCode(), kExitRefused);
  EXPECT_EQ(Count<Enrol>(), 1);
  EXPECT_THAT(LogText(), HasSubstr("rsg agents token"));
}

TEST_F(LinkTest, ACoordinatorThatForgetsTheAgentTimeAndAgainIsJoinedAnewEachTime) {
  for (int restored = 1; restored <= 10; ++restored) {
    Give(Tick{});
    Lose(LinkLoss::kRefused);
    Pass(31);
    ASSERT_EQ(Count<Enrol>(), restored);
    Give(Enrolled{});
    Hear(WelcomeMessage());
    Lose();
    Pass(31);
  }
  EXPECT_EQ(ExitCode(), std::nullopt);
}

TEST_F(LinkTest, RefusedCredentialWithoutAJoinLineNamesTheRemedy) {
  MachineConfig config = GoodConfig();
  config.can_enrol = false;
  Make(config);
  Give(Tick{});
  for (int i = 0; i < 5; ++i) {
    Lose(LinkLoss::kRefused);
    Pass(31);
  }
  EXPECT_EQ(ExitCode(), kExitRefused);
  EXPECT_EQ(Count<Enrol>(), 0);
  EXPECT_THAT(LogText(), HasSubstr("RSG_JOIN"));
}

TEST_F(LinkTest, UsedUpTokenIsTriedABoundedNumberOfTimes) {
  MachineConfig config = GoodConfig();
  config.enrolled = false;
  Make(config);
  Give(Tick{});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ExitCode(), std::nullopt);
    Give(LinkLost{LinkLoss::kRefused, "token used up"});
    Pass(31);
  }
  EXPECT_EQ(Count<Enrol>(), 5);
  EXPECT_EQ(ExitCode(), kExitRefused);
  EXPECT_THAT(LogText(), HasSubstr("token used up"));
}

TEST_F(LinkTest, WrongCaEndsItAtTheStartButNotOnceAttached) {
  Give(Tick{});
  for (int i = 0; i < 5; ++i) {
    Lose(LinkLoss::kUntrusted);
    Pass(31);
  }
  EXPECT_EQ(ExitCode(), 1);

  Make(GoodConfig());
  Attach();
  for (int i = 0; i < 50; ++i) {
    Lose(LinkLoss::kUntrusted);
    Pass(5);
  }
  EXPECT_EQ(ExitCode(), std::nullopt);
}

TEST_F(LinkTest, OutageThatTurnsOutToBeAMatterOfTrustIsToldAtOnce) {
  Attach();
  Lose(LinkLoss::kUnreachable);
  Pass(5);
  Clear();
  Lose(LinkLoss::kUntrusted);
  EXPECT_THAT(LogText(), HasSubstr("will keep trying"));
  Pass(5);
  Clear();
  Lose(LinkLoss::kUntrusted);
  EXPECT_EQ(LogText(), "") << "but once";
}

TEST_F(LinkTest, SupersededAndMismatchedEndAtOnce) {
  Attach();
  Lose(LinkLoss::kSuperseded);
  EXPECT_EQ(ExitCode(), kExitRefused);
  EXPECT_THAT(LogText(), HasSubstr("--state"));

  Make(GoodConfig());
  Give(Tick{});
  Lose(LinkLoss::kMismatch);
  EXPECT_EQ(ExitCode(), kExitRefused);
}

TEST_F(LinkTest, SupersededKillsTheChildFirst) {
  StartAttempt();
  Clear();
  Lose(LinkLoss::kSuperseded);
  EXPECT_EQ(Count<Kill>(), 1);
  EXPECT_EQ(ExitCode(), kExitRefused);
  EXPECT_TRUE(std::holds_alternative<Exit>(actions_.back()));
}

TEST_F(LinkTest, OtherProtocolVersionEndsWithBothVersions) {
  Give(Tick{});
  v1::CoordinatorMessage welcome = WelcomeMessage();
  welcome.mutable_welcome()->set_protocol_version(77);
  Hear(welcome);
  EXPECT_EQ(ExitCode(), kExitRefused);
  EXPECT_THAT(LogText(), HasSubstr("77"));
}

TEST_F(LinkTest, HangsUpOnAPeerThatSaysNothingOrTheWrongThingFirst) {
  Give(Tick{});
  Pass(31);
  EXPECT_EQ(Count<Hangup>(), 1);
  Lose();
  Clear();
  Pass(20);
  EXPECT_EQ(Count<Dial>(), 1);
  Hear(AssignMessage(GoodAssign()));
  EXPECT_EQ(Count<Hangup>(), 1);
  EXPECT_EQ(Count<Spawn>(), 0);
}

}  // namespace
}  // namespace rsg::agent
