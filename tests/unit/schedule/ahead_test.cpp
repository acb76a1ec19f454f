// Jobs that are handed out ahead: how many, in which order, and what becomes of them.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Settings Ahead(std::uint32_t jobs) {
  Settings settings;
  settings.jobs_ahead = jobs;
  return settings;
}

class Ahead2 : public World {
 protected:
  Ahead2() : World(Ahead(2)) {}
  void SetUp() override {
    agent = Enrol("one", {Cpu("CPU-1")});
    Attach(agent);
  }
  // What is offered from now on, in order.
  std::vector<std::string> Offers(const Peer& peer) {
    std::vector<std::string> ids;
    while (const auto assign = TakeAssign(peer)) {
      offered[assign->attempt_id()] = *assign;
      ids.push_back(assign->attempt_id());
    }
    return ids;
  }
  std::vector<std::string> Cancels(const Peer& peer) {
    std::vector<std::string> ids;
    while (const auto cancel = TakeCancel(peer)) ids.push_back(cancel->attempt_id());
    return ids;
  }
  v1::AttemptInHand Queued(const std::string& id) const {
    v1::AttemptInHand attempt = InHand(offered.at(id));
    attempt.set_queued(true);
    return attempt;
  }
  v1::Agent Shown() const { return coordinator->ListAgents(now).agents(0); }

  Peer agent;
  std::map<std::string, v1::Assign> offered;
};

TEST_F(Ahead2, TheRestOfTheSeriesFollowsInOrderEachWithAToken) {
  Submit(Spec({2, 4, 8, 16}));
  EXPECT_THAT(Offers(agent), ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
  EXPECT_NE(offered.at("s1.1.1").lease_token(), offered.at("s1.2.1").lease_token());
  EXPECT_LT(offered.at("s1.2.1").cell().batch_size(), offered.at("s1.3.1").cell().batch_size());
  EXPECT_EQ(Shown().attempt_id(), "s1.1.1");
  EXPECT_EQ(Shown().attempts_ahead(), 2u);
  SayStarted(agent, offered.at("s1.1.1"));
  EXPECT_EQ(Job(1, 2).state, v1::JOB_STATE_ASSIGNED);
  const auto counts = coordinator->Status(1, now)->counts();
  EXPECT_EQ(counts.running(), 1u);
  EXPECT_EQ(counts.queued(), 3u) << "what waits at an agent waits";
  Complete(agent, offered.at("s1.1.1"));
  EXPECT_THAT(Offers(agent), ElementsAre("s1.4.1"));
  for (const char* id : {"s1.2.1", "s1.3.1", "s1.4.1"}) Complete(agent, offered.at(id));
  EXPECT_EQ(ended.at(0).counts().completed(), 4u);
  EXPECT_EQ(Shown().attempts_ahead(), 0u);
}

TEST_F(Ahead2, EndsOfSeveralAttemptsAreTakenWhenTheAgentComesBack) {
  Submit(Spec({2, 4, 8}));
  Offers(agent);
  Restart();
  Attach(agent, {InHand(offered.at("s1.1.1"), 2, true), InHand(offered.at("s1.2.1"), 2, true),
                 InHand(offered.at("s1.3.1"), 1)});
  std::vector<std::string> acked;
  while (const auto ack = TakeAck(agent)) acked.push_back(ack->attempt_id());
  EXPECT_THAT(acked, ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
  Complete(agent, offered.at("s1.2.1"));  // the earlier one's windows are still on their way
  Complete(agent, offered.at("s1.1.1"));
  Detach(agent);  // and both answers are lost
  Attach(agent, {InHand(offered.at("s1.1.1"), 2, true), InHand(offered.at("s1.2.1"), 2, true),
                 InHand(offered.at("s1.3.1"), 1)});
  EXPECT_TRUE(TakeFinishedAck(agent)->accepted());
  EXPECT_TRUE(TakeFinishedAck(agent)->accepted()) << "not only the last one";
  EXPECT_THAT(Cancels(agent), IsEmpty());
  Complete(agent, offered.at("s1.3.1"));
  EXPECT_EQ(memory.results.size(), 3u);
  EXPECT_EQ(memory.attempts.size(), 3u);
}

TEST_F(Ahead2, OffersThatWereLostAreMadeAgainInOrder) {
  Submit(Spec({2, 4, 8}));
  Offers(agent);
  SayStarted(agent, offered.at("s1.1.1"));
  Detach(agent);
  Attach(agent, {InHand(offered.at("s1.1.1"))});
  const std::string token = offered.at("s1.2.1").lease_token();
  EXPECT_THAT(Offers(agent), ElementsAre("s1.2.1", "s1.3.1"));
  EXPECT_EQ(offered.at("s1.2.1").lease_token(), token);
}

TEST_F(Ahead2, OfferToAnAgentWithAChildToStopIsNotWithdrawn) {
  Submit(Spec({2}));
  Offers(agent);
  SayStarted(agent, offered.at("s1.1.1"));
  Detach(agent);
  EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
  Commit();
  Attach(agent);  // an agent that has lost its memory, or whose answer is on its way
  Submit(Spec({4}));
  EXPECT_THAT(Offers(agent), ElementsAre("s2.1.1"));
  Detach(agent);
  Attach(agent, {InHand(offered.at("s1.1.1"))});
  EXPECT_THAT(Cancels(agent), ElementsAre("s1.1.1"));
  EXPECT_THAT(Offers(agent), ElementsAre("s2.1.1")) << "it waits behind the child";
  EXPECT_EQ(memory.attempts.at({{2, 1}, 1}).state, v1::JOB_STATE_ASSIGNED);
  EXPECT_EQ(Job(2, 1).attempts, 1u);
}

TEST_F(Ahead2, OutOfMemoryCancelsWhatWaitsAsSkipped) {
  Submit(Spec({2, 4, 8, 16}, {"resnet18", "resnet50"}));
  EXPECT_THAT(Offers(agent), ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
  SayFinished(agent, offered.at("s1.1.1"), v1::OUTCOME_OUT_OF_MEMORY, 0);
  EXPECT_THAT(Cancels(agent), ElementsAre("s1.2.1", "s1.3.1"));
  for (const std::int64_t job : {2, 3, 4}) {
    EXPECT_EQ(Job(1, job).outcome, v1::OUTCOME_SKIPPED);
    EXPECT_THAT(Job(1, job).reason, HasSubstr("s1.1 ran out of memory"));
    EXPECT_EQ(Job(1, job).losses + Job(1, job).failures, 0u);
  }
  EXPECT_EQ(memory.attempts.at({{1, 2}, 1}).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_THAT(Offers(agent), ElementsAre("s1.5.1", "s1.6.1", "s1.7.1")) << "at once, for no child is to be stopped";
  SayFinished(agent, offered.at("s1.2.1"), v1::OUTCOME_CANCELLED, 0);
  EXPECT_EQ(Rejected("stale"), 0u) << "the answer to a Cancel";
  EXPECT_FALSE(coordinator->Status(1, now)->eta_seconds() > 0) << "what was skipped took no time";
}

TEST_F(Ahead2, OutOfMemoryDoesNotStopALargerOneThatRuns) {
  Submit(Spec({2, 4, 8}));
  Offers(agent);
  SayStarted(agent, offered.at("s1.2.1"));
  SayFinished(agent, offered.at("s1.1.1"), v1::OUTCOME_OUT_OF_MEMORY, 0);
  EXPECT_THAT(Cancels(agent), ElementsAre("s1.3.1"));
  Complete(agent, offered.at("s1.2.1"));
  EXPECT_EQ(Job(1, 2).outcome, v1::OUTCOME_COMPLETED);
}

TEST_F(Ahead2, ControlCellsKeepTheirPlace) {  // Memory checks it, too
  Submit(ControlledSpec({2, 4}));
  EXPECT_THAT(Offers(agent), ElementsAre("s1.1.1")) << "nothing goes ahead of the one at the start";
  SayFinished(agent, offered.at("s1.1.1"), v1::OUTCOME_FAILED, 0);
  EXPECT_THAT(Offers(agent), ElementsAre("s1.1.2"));
  Complete(agent, offered.at("s1.1.2"));
  EXPECT_THAT(Offers(agent), ElementsAre("s1.2.1", "s1.3.1"));
  Submit(Spec({32}));
  EXPECT_THAT(Offers(agent), IsEmpty()) << "the control cell at the end comes before the next sweep";
  SayFinished(agent, offered.at("s1.2.1"), v1::OUTCOME_FAILED, 0);
  EXPECT_THAT(Offers(agent), ElementsAre("s1.2.2"));
  Complete(agent, offered.at("s1.3.1"));
  EXPECT_THAT(Offers(agent), IsEmpty());
  Complete(agent, offered.at("s1.2.2"));
  EXPECT_THAT(Offers(agent), ElementsAre("s1.4.1", "s2.1.1"));
}

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

TEST_F(Ahead2, CancelOfASweepCancelsWhatWaits) {
  Submit(Spec({2, 4, 8}));
  Offers(agent);
  SayStarted(agent, offered.at("s1.1.1"));
  EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
  Commit();
  Submit(Spec({64}));
  EXPECT_THAT(Cancels(agent), ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
  SayFinished(agent, offered.at("s1.2.1"), v1::OUTCOME_CANCELLED, 0);
  EXPECT_THAT(Offers(agent), IsEmpty()) << "the child is still to be stopped";
  SayFinished(agent, offered.at("s1.1.1"), v1::OUTCOME_CANCELLED, 0);
  EXPECT_THAT(Offers(agent), ElementsAre("s2.1.1"));
}

TEST_F(Ahead2, DevicesOfAMachineAdvanceTogether) {
  Peer two = Enrol("two", {Gpu("GPU-1"), Gpu("GPU-2")});
  Attach(two);
  v1::SweepSpec spec = Spec({2, 4, 8});
  spec.mutable_devices()->set_kind(v1::DEVICE_KIND_GPU);
  Submit(spec);
  EXPECT_THAT(Offers(two), ElementsAre("s1.1.1", "s1.4.1", "s1.2.1"));
}

TEST_F(Ahead2, TimeLeftKnowsHowLongDevicesWereBusy) {
  Submit(Spec({2, 4, 8, 16}));
  Offers(agent);
  now.unix += 10;
  Complete(agent, offered.at("s1.1.1"));
  now.unix += 10;
  Complete(agent, offered.at("s1.2.1"));
  now.unix += 4;
  EXPECT_DOUBLE_EQ(coordinator->Status(1, now)->eta_seconds(), 16) << "not twenty for the second, which waited for ten";
  // Delivered at once after an hour alone.
  now.unix += 3600;
  for (const char* id : {"s1.3.1"}) {
    SayWindows(agent, offered.at(id), 1, 2);
    v1::AgentMessage message;
    v1::AttemptFinished& finished = *message.mutable_attempt_finished();
    finished.set_attempt_id(id);
    finished.set_lease_token(offered.at(id).lease_token());
    finished.set_outcome(v1::OUTCOME_COMPLETED);
    finished.set_final_sequence(2);
    *finished.mutable_result() = MakeResult(8, 2);
    finished.set_runtime_seconds(10);
    Say(agent, message);
  }
  EXPECT_DOUBLE_EQ(coordinator->Status(1, now)->eta_seconds(), 10);
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

TEST(AheadSettings, AreToldToAgentsAndBounded) {
  EXPECT_EQ(Ahead(7).ToProto().jobs_ahead(), 7u);
  EXPECT_TRUE(Validate(Ahead(0)).ok());
  EXPECT_TRUE(Validate(Ahead(32)).ok());
  EXPECT_THAT(std::string(Validate(Ahead(33)).message()), HasSubstr("jobs-ahead: 33 is out of range; use 0 to 32"));
  Settings settings;
  settings.slot_timeout_seconds = 0;
  EXPECT_THAT(std::string(Validate(settings).message()), HasSubstr("slot-timeout: 0 is out of range"));
}

}  // namespace
}  // namespace rsg::schedule
