// What it costs jobs that are handed out ahead when their agent is drained, restarted or loses the device.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(Ahead2, DrainedAgentHandsBackWhatWaitsAtNoCost) {
  Submit(Spec({2, 4, 8}));
  for (int i = 0; i < 10; ++i) {
    Offers(agent);
    const auto id = [&](int job) { return "s1." + std::to_string(job) + "." + std::to_string(i + 1); };
    v1::AgentMessage message;
    message.mutable_heartbeat()->set_draining(true);
    Say(agent, message);
    for (const int job : {1, 2, 3}) {
      SayFinished(agent, offered.at(id(job)), v1::OUTCOME_LOST, 0);
      EXPECT_TRUE(TakeFinishedAck(agent)->accepted());
    }
    EXPECT_THAT(Offers(agent), IsEmpty());
    Detach(agent, true);
    NewProcess(agent);
    Attach(agent);
  }
  for (const std::int64_t job : {1, 2, 3}) {
    EXPECT_EQ(Job(1, job).state, v1::JOB_STATE_ASSIGNED);
    EXPECT_EQ(Job(1, job).losses, 0u);
  }
}

TEST_F(Ahead2, AgentThatHandsBackForEverEndsTheJob) {
  Submit(Spec({2}));
  int returns = 0;
  for (; returns < 500 && coordinator->IsLive(1); ++returns) {
    const std::string id = Offers(agent).at(0);
    v1::AgentMessage message;
    message.mutable_heartbeat()->set_draining(true);
    Say(agent, message);
    SayFinished(agent, offered.at(id), v1::OUTCOME_LOST, 0);
    NewProcess(agent);
    Attach(agent);
  }
  EXPECT_FALSE(coordinator->IsLive(1));
  EXPECT_GT(returns, 50) << "no fleet that drains often is punished";
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_LOST);
}

TEST_F(Ahead2, RestartOfTheAgentCostsOnlyWhatItRan) {
  Submit(Spec({2, 4, 8}));
  for (int i = 1; i <= 3; ++i) {
    Offers(agent);
    SayStarted(agent, offered.at("s1.1." + std::to_string(i)));
    NewProcess(agent);
    Attach(agent);
  }
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_LOST) << "three times";
  for (int i = 4; i <= 5; ++i) {
    Offers(agent);
    SayStarted(agent, offered.at("s1.2." + std::to_string(i)));
    NewProcess(agent);
    Attach(agent);
  }
  EXPECT_EQ(Job(1, 2).losses, 2u);
  EXPECT_EQ(Job(1, 3).losses, 0u) << "it only waited";
  Offers(agent);
  EXPECT_NE(offered.at("s1.3.6").lease_token(), offered.at("s1.3.1").lease_token());
  SayWindows(agent, offered.at("s1.3.1"), 1, 1);
  EXPECT_THAT(Cancels(agent), ElementsAre("s1.3.1")) << "a queued attempt is fenced like one that runs";
}

TEST_F(Ahead2, AgentThatDiesOfEveryOfferDoesNotGoOnForEver) {
  Submit(Spec({2, 4, 8}));
  for (int i = 0; i < 60 && coordinator->IsLive(1); ++i) {
    NewProcess(agent);
    Attach(agent);
  }
  EXPECT_FALSE(coordinator->IsLive(1));
}

TEST_F(Ahead2, BudgetsOfLossesAndOfFailuresAreIndependent) {
  Submit(Spec({2}));
  const auto next = [&] {
    const auto ids = Offers(agent);
    EXPECT_EQ(ids.size(), 1u);
    const v1::Assign& assign = offered.at(ids.back());
    SayStarted(agent, assign);
    return assign;
  };
  for (int i = 0; i < 2; ++i) SayFinished(agent, next(), v1::OUTCOME_LOST, 0);
  SayFinished(agent, next(), v1::OUTCOME_FAILED, 0);
  EXPECT_EQ(Job(1, 1).state, v1::JOB_STATE_ASSIGNED) << "three attempts, two of three losses, one of two failures";
  EXPECT_EQ(Job(1, 1).losses, 2u);
  EXPECT_EQ(Job(1, 1).failures, 1u);
  SayFinished(agent, next(), v1::OUTCOME_FAILED, 0);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_FAILED);
  EXPECT_EQ(Job(1, 1).losses, 2u);

  Submit(Spec({2}));
  SayFinished(agent, next(), v1::OUTCOME_FAILED, 0);
  for (int i = 0; i < 3; ++i) SayFinished(agent, next(), v1::OUTCOME_LOST, 0);
  EXPECT_EQ(Job(2, 1).outcome, v1::OUTCOME_LOST);
  EXPECT_EQ(Job(2, 1).failures, 1u);
}

TEST_F(Ahead2, AnotherAgentThatTakesTheDeviceOverFencesAllOnIt) {
  Peer first = Enrol("first", {Gpu("GPU-1"), Cpu("CPU-9")});
  Peer second = Enrol("second", {Gpu("GPU-1")});
  Attach(first);
  v1::SweepSpec spec = Spec({2, 4, 8});
  spec.mutable_devices()->set_kind(v1::DEVICE_KIND_GPU);
  Submit(spec);
  Offers(first);
  SayStarted(first, offered.at("s1.1.1"));
  SayStarted(first, offered.at("s1.2.1"));  // the end of the one before is on its way
  Attach(second);
  Detach(first);
  Pass(settings.lost_after_seconds + 2);
  EXPECT_THAT(Offers(second), ElementsAre("s1.1.2", "s1.2.2", "s1.3.2"));
  EXPECT_EQ(Job(1, 1).losses, 1u);
  EXPECT_EQ(Job(1, 2).losses, 1u) << "it had begun, too";
  EXPECT_EQ(Job(1, 3).losses, 0u);
  Attach(first, {InHand(offered.at("s1.1.1")), Queued("s1.2.1"), Queued("s1.3.1")});
  EXPECT_THAT(Cancels(first), ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
}

}  // namespace
}  // namespace rsg::schedule
