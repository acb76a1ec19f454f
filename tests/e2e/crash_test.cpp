// Crashes in the middle of a sweep, one at a time: afterwards every job has one accepted result and every acked window
// is stored once.
#include <signal.h>

#include <set>

#include "fleet.hpp"

namespace rsg::e2e {
namespace {

class Crash : public Fleet {
 protected:
  void SetUp() override {
    Fleet::SetUp();
    StartCoordinator();
    agent_ = StartAgent("one");
    WaitForAgents(1);
  }
  std::string SubmitTwoCells() {
    return Submit({"--models", "resnet18", "--bs", "1,2", "--size", "64", "--seconds", "3"});
  }
  std::unique_ptr<Process> agent_;
};

TEST_F(Crash, KilledTrainerIsNamedAndTriedAgain) {
  const std::string sweep = SubmitTwoCells();
  kill(WaitForTrainer(*agent_), SIGKILL);
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "2");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts WHERE outcome = 'FAILED' AND error LIKE '%SIGKILL%'"), "1");
  EXPECT_TRUE(agent_->Running());
}

TEST_F(Crash, KilledAgentTakesItsChildAlongAndComesBack) {
  const std::string sweep = SubmitTwoCells();
  const pid_t trainer = WaitForTrainer(*agent_);
  agent_->Signal(SIGKILL);
  EXPECT_TRUE(Eventually(1, [&] { return !Alive(trainer); })) << "the child outlived its agent by a second";
  agent_->Wait(10);  // the child goes with the agent's main thread; its state's lock goes with the last one
  agent_ = StartAgent("one");
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "2");
  EXPECT_EQ(SqlValue("SELECT sum(losses) FROM jobs"), "1") << "what it ran; what it was handed ahead costs nothing";
  EXPECT_EQ(SqlValue("SELECT count(*) FROM agents"), "1") << "the same state is the same agent";
}

TEST_F(Crash, KilledCoordinatorResumesTheRunningAttempt) {
  const std::string sweep = SubmitTwoCells();
  const pid_t trainer = WaitForTrainer(*agent_);
  KillCoordinator();
  SleepMilliseconds(1000);  // windows pile up at the agent meanwhile
  EXPECT_TRUE(Alive(trainer)) << "the measurement does not depend on the coordinator";
  StartCoordinator();
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "2");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts"), "2") << "no second attempt was needed";
}

TEST_F(Crash, AgentGoesThroughItsSeriesWhileTheCoordinatorIsAway) {
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2,4,8", "--size", "32", "--seconds", "1"});
  std::set<pid_t> trainers{WaitForTrainer(*agent_)};
  KillCoordinator();
  EXPECT_TRUE(Eventually(60,
                         [&] {
                           const auto children = ChildrenOf(agent_->pid());
                           trainers.insert(children.begin(), children.end());
                           return trainers.size() == 3 && children.empty();
                         }))
      << trainers.size() << " of 3 trainers ran";
  StartCoordinator();
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "3");
  EXPECT_EQ(SqlValue("SELECT count(DISTINCT lease_token) FROM attempts"), "3");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts"), "3") << "all that was measured alone was taken";
}

TEST_F(Crash, FrozenAgentIsShownLostAndItsWindowsArriveOnce) {
  const std::string sweep = SubmitTwoCells();
  WaitForTrainer(*agent_);
  agent_->Signal(SIGSTOP);
  EXPECT_TRUE(Eventually(10, [&] {
    const auto agents = RsgJson({"agents", "list"});
    return agents.is_array() && agents.size() == 1 && agents[0]["state"] == "LOST";
  }));
  agent_->Signal(SIGCONT);
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts"), "2") << "lost contact alone never fences an attempt";
}

TEST_F(Crash, FrozenAgentWhoseJobWasCancelledChangesNothing) {
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2", "--size", "32", "--seconds", "60"});
  const pid_t trainer = WaitForTrainer(*agent_);
  agent_->Signal(SIGSTOP);
  SleepMilliseconds(1000);  // the trainer goes on, its windows wait in the agent's pipe
  EXPECT_EQ(Rsg({"sweep", "cancel", sweep}).exit_code, 0);
  const std::string stored = SqlValue("SELECT count(*) FROM windows");
  agent_->Signal(SIGCONT);
  EXPECT_TRUE(Eventually(5, [&] { return !Alive(trainer); }));
  WaitForAgents(1);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM windows"), stored);
  EXPECT_EQ(SqlValue("SELECT outcome FROM v_results"), "CANCELLED");
}

}  // namespace
}  // namespace rsg::e2e
