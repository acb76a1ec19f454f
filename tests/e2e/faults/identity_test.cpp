// Who is who, and when: copied credentials, revoked tokens, expired certificates, clocks that jump.
#include <signal.h>

#include "fault_fleet.hpp"

namespace rsg::e2e {
namespace {

namespace fs = std::filesystem;

constexpr double kDay = 24 * 60 * 60;

class Fault : public FaultFleet {};

TEST_F(Fault, ClonedCredential) {
  StartCoordinator();
  auto one = StartScripted("one", 200);
  WaitForAgents(1);
  const std::string sweep = SubmitOne();
  EXPECT_TRUE(WaitForWindowsOver(0));
  const auto children = ChildrenOf(one->pid());
  fs::copy(folder_ / "one", folder_ / "clone", fs::copy_options::recursive);
  Stopwatch watch;
  const auto clone = StartScripted("clone", 50);
  EXPECT_EQ(WaitForEnd(*one), 3);
  const double detected = watch.Seconds();
  EXPECT_NE(one->Log().find("another process uses this agent's credential"), std::string::npos) << one->Log();
  for (const pid_t child : children) EXPECT_FALSE(Alive(child));
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  Record("cloned credential", detected, watch.Seconds(), "from the clone's start; resumed: the job is complete");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM agents"), "1");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts WHERE outcome = 'LOST'"), "1");
}

TEST_F(Fault, TokenRevokedWhileConnected) {
  StartBehindProxy();
  const auto one = StartScripted("one", 150);
  WaitForAgents(1);
  const std::string sweep = SubmitOne();
  EXPECT_TRUE(WaitForWindowsOver(0));
  const auto tokens = RsgJson({"agents", "token", "list"});
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(Rsg({"agents", "token", "revoke", tokens[0]["token_id"]}).exit_code, 0);
  Reconnect();
  Stopwatch watch;
  const auto two = StartScripted("two");
  EXPECT_EQ(WaitForEnd(*two), 3);
  Record("token revoked while connected", watch.Seconds(), -1, "detected: a newcomer is refused, from its start");
  EXPECT_NE(two->Log().find("make a new join line with 'rsg agents token'"), std::string::npos) << two->Log();
  ExpectCompleted(sweep, 1, 1);  // who has joined stays
  const Output line = Rsg({"agents", "token", "--print"});
  const auto three = StartScripted("three", 10, 1, {{"RSG_JOIN", line.out.substr(0, line.out.find('\n'))}});
  WaitForAgents(2);
}

TEST_F(Fault, CertificateExpired) {
  // A coordinator whose certificate was made long ago, as far as others can tell.
  coordinator_environment_.merge(Shim("coordinator"));
  SetShim("coordinator", -400 * kDay);
  StartBehindProxy();
  Stopwatch watch;
  const std::string expired = "the coordinator's certificate has expired by this machine's clock";
  const Output refused = Rsg({"agents", "list"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find(expired), std::string::npos) << refused.err;
  const auto newcomer = StartScripted("newcomer");
  EXPECT_TRUE(WaitForLog(*newcomer, expired));
  const double detected = watch.Seconds();
  EXPECT_NE(newcomer->Log().find("restart 'rsg serve', which renews it"), std::string::npos);
  newcomer->Signal(SIGKILL);

  // Started when it is so old, it renews it.
  KillCoordinator();
  SetShim("coordinator", 0);
  watch.Reset();
  StartCoordinator({"--advertise", proxy_.address()});
  SetShim("agent", 0);
  const auto agent = StartScripted("one", 200, 20, Shim("agent"));
  WaitForAgents(1);
  Record("certificate expired", detected, watch.Seconds(), "resumed: from a restart to an attached agent");

  // And once more while an agent measures: it keeps trying, says why, and is let in.
  const std::string sweep = SubmitOne();
  EXPECT_TRUE(WaitForWindowsOver(0));
  SetShim("agent", 400 * kDay);
  SetShim("coordinator", 400 * kDay);
  watch.Reset();
  proxy_.Cut();
  EXPECT_TRUE(WaitForLog(*agent, expired));
  const double noticed = watch.Seconds();
  KillCoordinator();
  const int stored = Windows();
  watch.Reset();
  StartCoordinator({"--advertise", proxy_.address()});
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("certificate expired in an attempt", noticed, watch.Seconds());
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts"), "1");
}

TEST_F(Fault, ClockJumps) {
  coordinator_environment_.merge(Shim("coordinator"));
  StartCoordinator();
  const auto agent = StartScripted("one", 3000, 20, Shim("agent"));  // longer than what follows
  WaitForAgents(1);
  const std::string sweep = SubmitOne();
  EXPECT_TRUE(WaitForWindowsOver(0));
  for (const double jump : {kDay, -kDay, 0.0}) {
    for (const char* side : {"coordinator", "agent"}) {
      SetShim(side, jump);
      const int stored = Windows();
      EXPECT_TRUE(WaitForWindowsOver(stored, 5)) << side << " by " << jump;
      EXPECT_EQ(StateOf("one"), "BUSY") << side << " by " << jump;
    }
  }
  EXPECT_EQ(Count(coordinator_->Log(), "attached"), 1) << "nobody had to connect again";
  Record("clock jumps by a day, forth and back", -1, -1, "on either side; no lease is lost");
  EXPECT_EQ(Rsg({"sweep", "cancel", sweep}).exit_code, 0);
  EXPECT_EQ(WaitForSweep(sweep), "CANCELLED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts"), "1");
}

}  // namespace
}  // namespace rsg::e2e
