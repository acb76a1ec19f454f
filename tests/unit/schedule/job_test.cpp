// A job's way: offered, started, measured, ended.
#include <gmock/gmock.h>

#include <cmath>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;

class Jobs : public World {
 protected:
  void SetUp() override {
    agent = Enrol("one", {Cpu("CPU-1")});
    Attach(agent);
  }
  v1::Assign Next() {
    const auto assign = TakeAssign(agent);
    EXPECT_TRUE(assign);
    return assign.value_or(v1::Assign());
  }
  Peer agent;
};

TEST_F(Jobs, SweepRunsInOrderAndCompletes) {
  EXPECT_EQ(Submit(Spec({4, 2})).jobs(), 2u);
  const v1::Assign first = Next();
  EXPECT_EQ(first.attempt_id(), "s1.1.1");
  EXPECT_EQ(first.cell().batch_size(), 2u);
  EXPECT_EQ(first.device_id(), "CPU-1");
  EXPECT_GT(first.max_runtime_seconds(), first.limits().max_seconds());
  EXPECT_EQ(first.lease_token().size(), 32u);
  EXPECT_FALSE(TakeAssign(agent)) << "one at a time";
  SayStarted(agent, first);
  EXPECT_EQ(Job(1, 1).state, v1::JOB_STATE_RUNNING);
  SayWindows(agent, first, 1, 2);
  EXPECT_EQ(TakeAck(agent)->sequence(), 2u);
  SayFinished(agent, first, v1::OUTCOME_COMPLETED, 2);
  EXPECT_TRUE(TakeFinishedAck(agent)->accepted());
  const v1::Assign second = Next();
  EXPECT_EQ(second.cell().batch_size(), 4u);
  Complete(agent, second);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].counts().completed(), 2u);
  EXPECT_FALSE(coordinator->IsLive(1));
  EXPECT_EQ(memory.results.size(), 2u);
}

TEST_F(Jobs, WindowsSentAgainAreStoredOnce) {
  Submit(Spec({2}));
  const v1::Assign assign = Next();
  SayWindows(agent, assign, 1, 3);
  SayWindows(agent, assign, 2, 5);
  SayWindows(agent, assign, 1, 5);
  const AttemptKey key{.job = {.sweep = 1, .job = 1}, .attempt = 1};
  EXPECT_EQ(memory.windows.at(key).size(), 5u);
  EXPECT_EQ(Job(1, 1).state, v1::JOB_STATE_RUNNING) << "windows tell that it has started";
  EXPECT_EQ(TakeAck(agent)->sequence(), 3u);
  EXPECT_EQ(TakeAck(agent)->sequence(), 5u);
  EXPECT_EQ(TakeAck(agent)->sequence(), 5u);
}

TEST_F(Jobs, GapIsRefusedAndAskedForAgain) {
  Submit(Spec({2}));
  const v1::Assign assign = Next();
  SayWindows(agent, assign, 1, 2);
  EXPECT_EQ(TakeAck(agent)->sequence(), 2u);
  SayWindows(agent, assign, 4, 5);
  EXPECT_EQ(TakeAck(agent)->sequence(), 2u);
  EXPECT_EQ(Rejected("gap"), 1u);
  EXPECT_THAT(log.back().text, HasSubstr("gap"));
  SayWindows(agent, assign, 3, 5);
  EXPECT_EQ(TakeAck(agent)->sequence(), 5u);
}

TEST_F(Jobs, NonsenseInAWindowFailsTheAttempt) {
  for (const double seconds : {std::nan(""), 0.0, -1.0, static_cast<double>(INFINITY)}) {
    const auto sweep = Submit(Spec({2})).sweep_id();
    const v1::Assign assign = Next();
    v1::AgentMessage message;
    message.mutable_window_batch()->set_attempt_id(assign.attempt_id());
    message.mutable_window_batch()->set_lease_token(assign.lease_token());
    *message.mutable_window_batch()->add_windows() = MakeWindow(1, 2);
    message.mutable_window_batch()->mutable_windows(0)->set_seconds(seconds);
    Say(agent, message);
    EXPECT_EQ(TakeCancel(agent)->attempt_id(), assign.attempt_id());
    EXPECT_FALSE(TakeAssign(agent)) << "its child may still run";
    SayFinished(agent, assign, v1::OUTCOME_CANCELLED, 0);
    EXPECT_FALSE(TakeFinishedAck(agent)->accepted());
    const v1::Assign again = Next();
    EXPECT_EQ(again.attempt_id(), sweep + ".1.2");
    Complete(agent, again);
    EXPECT_TRUE(TakeFinishedAck(agent)->accepted());
  }
  EXPECT_EQ(Rejected("window"), 4u);
  EXPECT_EQ(memory.windows.size(), 4u) << "only those of the good attempts";
}

TEST_F(Jobs, NonsenseInAResultFailsTheAttempt) {
  Submit(Spec({2}));
  const v1::Assign assign = Next();
  SayWindows(agent, assign, 1, 2);
  v1::AgentMessage message;
  message.mutable_attempt_finished()->set_attempt_id(assign.attempt_id());
  message.mutable_attempt_finished()->set_lease_token(assign.lease_token());
  message.mutable_attempt_finished()->set_outcome(v1::OUTCOME_COMPLETED);
  message.mutable_attempt_finished()->set_final_sequence(2);
  *message.mutable_attempt_finished()->mutable_result() = MakeResult(2, 2);
  message.mutable_attempt_finished()->mutable_result()->set_throughput(std::nan(""));
  Say(agent, message);
  EXPECT_FALSE(TakeFinishedAck(agent)->accepted());
  EXPECT_EQ(Rejected("result"), 1u);
  EXPECT_TRUE(memory.results.empty());
  EXPECT_EQ(Next().attempt_id(), "s1.1.2");
}

TEST_F(Jobs, EndIsTakenOnlyWhenAllWindowsAreThere) {
  Submit(Spec({2}));
  const v1::Assign assign = Next();
  SayWindows(agent, assign, 1, 2);
  TakeAck(agent);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 4);
  EXPECT_FALSE(TakeFinishedAck(agent));
  EXPECT_EQ(TakeAck(agent)->sequence(), 2u) << "asks for the rest";
  SayWindows(agent, assign, 3, 4);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 4);
  EXPECT_TRUE(TakeFinishedAck(agent)->accepted());
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 4);
  EXPECT_TRUE(TakeFinishedAck(agent)->accepted()) << "the answer was lost: the same again";
  EXPECT_EQ(memory.results.size(), 1u);
}

TEST_F(Jobs, EndWithFewerWindowsThanStoredIsNonsense) {
  Submit(Spec({2}));
  const v1::Assign assign = Next();
  SayWindows(agent, assign, 1, 3);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 2);
  EXPECT_FALSE(TakeFinishedAck(agent)->accepted());
  EXPECT_TRUE(memory.results.empty());
}

TEST_F(Jobs, OutOfMemoryPrunesLargerBatchSizesOfTheSeriesInAllRepeats) {
  v1::SweepSpec spec = Spec({2, 4, 8}, {"resnet18", "resnet50"});
  spec.set_repeats(2);
  Submit(spec);
  Complete(agent, Next());
  SayFinished(agent, Next(), v1::OUTCOME_OUT_OF_MEMORY, 0);
  EXPECT_EQ(Job(1, 2).outcome, v1::OUTCOME_OUT_OF_MEMORY);
  for (const std::int64_t pruned : {3, 9}) {
    EXPECT_EQ(Job(1, pruned).outcome, v1::OUTCOME_SKIPPED);
    EXPECT_THAT(Job(1, pruned).reason, HasSubstr("s1.2"));
    EXPECT_EQ(Job(1, pruned).attempts, 0u);
  }
  for (const std::int64_t kept : {4, 5, 6, 7, 8, 10, 11, 12}) EXPECT_NE(Job(1, kept).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_EQ(Next().cell().model(), "resnet50");
}

TEST_F(Jobs, FailedIsTriedAgainWithinItsBudget) {
  Submit(Spec({2, 4}));
  const v1::Assign first = Next();
  SayFinished(agent, first, v1::OUTCOME_FAILED, 0);
  const v1::Assign second = Next();
  EXPECT_EQ(second.attempt_id(), "s1.1.2");
  EXPECT_NE(second.lease_token(), first.lease_token());
  SayFinished(agent, second, v1::OUTCOME_FAILED, 0);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_FAILED);
  EXPECT_EQ(Job(1, 1).reason, "it did not work");
  EXPECT_EQ(Next().attempt_id(), "s1.2.1") << "a failure prunes nothing";
}

TEST_F(Jobs, InfrastructureHasABudgetOfItsOwn) {
  Submit(Spec({2}));
  for (int i = 1; i <= 3; ++i) {
    const v1::Assign assign = Next();
    SayStarted(agent, assign);
    SayFinished(agent, assign, v1::OUTCOME_LOST, 7);
    EXPECT_TRUE(TakeFinishedAck(agent)->accepted()) << "windows that could not be kept are not waited for";
  }
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_LOST);
  EXPECT_EQ(Job(1, 1).failures, 0u);
  EXPECT_EQ(ended.at(0).counts().failed(), 1u);
}

TEST_F(Jobs, UnsupportedIsFinal) {
  Submit(Spec({2}));
  SayFinished(agent, Next(), v1::OUTCOME_UNSUPPORTED, 0);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_UNSUPPORTED);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
}

TEST_F(Jobs, StrangersAttemptAndWrongTokenChangeNothing) {
  Peer other = Enrol("two", {Cpu("CPU-2")});
  Attach(other);
  v1::SweepSpec spec = Spec({2});
  spec.mutable_devices()->add_agents("one");
  Submit(spec);
  const v1::Assign assign = Next();
  SayWindows(other, assign, 1, 2);
  EXPECT_EQ(TakeCancel(other)->attempt_id(), assign.attempt_id());
  SayFinished(other, assign, v1::OUTCOME_COMPLETED, 0);
  EXPECT_FALSE(TakeFinishedAck(other)->accepted());
  v1::Assign forged = assign;
  forged.set_lease_token(std::string(32, '0'));
  SayWindows(agent, forged, 1, 2);
  EXPECT_EQ(TakeCancel(agent)->lease_token(), forged.lease_token());
  forged.set_attempt_id("nonsense");
  SayStarted(agent, forged);
  EXPECT_TRUE(TakeCancel(agent));
  EXPECT_EQ(memory.attempts.begin()->second.last_sequence, 0u);
  EXPECT_EQ(memory.attempts.begin()->second.state, v1::JOB_STATE_ASSIGNED);
  EXPECT_GE(Rejected("stale"), 3u);
}

TEST_F(Jobs, LiveViewShowsThroughputOfMeasuredWindows) {
  Submit(Spec({4}));
  const v1::Assign assign = Next();
  SayStarted(agent, assign);
  now.unix += 3;
  v1::AgentMessage message;
  message.mutable_window_batch()->set_attempt_id(assign.attempt_id());
  message.mutable_window_batch()->set_lease_token(assign.lease_token());
  *message.mutable_window_batch()->add_windows() = MakeWindow(1, 4, true);
  *message.mutable_window_batch()->add_windows() = MakeWindow(2, 4);
  Say(agent, message);
  const auto status = coordinator->Status(1, now);
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->running_size(), 1);
  EXPECT_EQ(status->running(0).throughput(), 16) << "8 samples in half a second";
  EXPECT_EQ(status->running(0).elapsed_seconds(), 3);
  EXPECT_EQ(status->running(0).windows_stored(), 2u);
  EXPECT_EQ(status->counts().running(), 1u);
  EXPECT_FALSE(status->has_eta_seconds()) << "no job has ended yet";
}

TEST_F(Jobs, TimeLeftFollowsFromTheJobsThatEnded) {
  Submit(Spec({2, 4, 8}));
  const v1::Assign first = Next();
  now.unix += 10;
  Complete(agent, first);
  now.unix += 4;
  EXPECT_DOUBLE_EQ(coordinator->Status(1, now)->eta_seconds(), 16) << "two jobs of ten seconds, four of them passed";
  Detach(agent);
  EXPECT_FALSE(coordinator->Status(1, now)->has_eta_seconds()) << "nobody works";
}

}  // namespace
}  // namespace rsg::schedule
