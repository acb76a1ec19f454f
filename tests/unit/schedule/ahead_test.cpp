// Jobs that are handed out ahead: how many, in which order, and what is withdrawn.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

TEST_F(Ahead2, OutOfMemoryDoesNotDropALargerOneThatRanWhileTheCoordinatorWasAway) {
  Submit(Spec({2, 4, 8}));
  Offers(agent);
  Detach(agent);
  v1::AttemptInHand small = InHand(offered.at("s1.1.1"), 0, true);
  v1::AttemptInHand larger = InHand(offered.at("s1.2.1"), 3, true);
  small.set_started(true);
  larger.set_started(true);
  Attach(agent, {small, larger, Queued("s1.3.1")});
  EXPECT_EQ(Job(1, 2).state, v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Job(1, 3).state, v1::JOB_STATE_ASSIGNED);
  SayFinished(agent, offered.at("s1.1.1"), v1::OUTCOME_OUT_OF_MEMORY, 0);
  EXPECT_THAT(Cancels(agent), ElementsAre("s1.3.1"));
  SayStarted(agent, offered.at("s1.2.1"));
  SayWindows(agent, offered.at("s1.2.1"), 1, 3);
  SayFinished(agent, offered.at("s1.2.1"), v1::OUTCOME_COMPLETED, 3);
  EXPECT_EQ(Job(1, 2).outcome, v1::OUTCOME_COMPLETED) << "it was measured";
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

TEST(AheadSettings, AreBounded) {
  EXPECT_TRUE(Validate(Ahead(0)).ok());
  EXPECT_TRUE(Validate(Ahead(32)).ok());
  EXPECT_THAT(std::string(Validate(Ahead(33)).message()), HasSubstr("jobs-ahead: 33 is out of range; use 0 to 32"));
  Settings settings;
  settings.slot_timeout_seconds = 0;
  EXPECT_THAT(std::string(Validate(settings).message()), HasSubstr("slot-timeout: 0 is out of range"));
}

}  // namespace
}  // namespace rsg::schedule
