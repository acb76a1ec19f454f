// What operators do to sweeps and agents: cancel, retry, drain; and what they are told of what waits.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using Operate = World;

TEST_F(Operate, CancelEndsQueuedAndRunningJobs) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  Submit(Spec({2, 4, 8}));
  const v1::Assign first = *TakeAssign(one);
  Complete(one, first);
  EXPECT_TRUE(TakeFinishedAck(one)->accepted());
  const v1::Assign second = *TakeAssign(one);
  SayStarted(one, second);
  const auto response = coordinator->CancelSweep(1, now, effects);
  Commit();
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->cancelled_jobs(), 2u);
  EXPECT_EQ(TakeCancel(one)->attempt_id(), second.attempt_id());
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_COMPLETED);
  EXPECT_EQ(Job(1, 2).outcome, v1::OUTCOME_CANCELLED);
  EXPECT_EQ(Job(1, 3).outcome, v1::OUTCOME_CANCELLED);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_CANCELLED);
  EXPECT_EQ(memory.attempts.at({{1, 2}, 1}).outcome, v1::OUTCOME_CANCELLED);
  SayWindows(one, second, 1, 3);
  SayFinished(one, second, v1::OUTCOME_COMPLETED, 3);
  EXPECT_FALSE(TakeFinishedAck(one)->accepted());
  EXPECT_FALSE(memory.windows.contains({{1, 2}, 1}));
  EXPECT_TRUE(absl::IsNotFound(coordinator->CancelSweep(1, now, effects).status()));
}

TEST_F(Operate, CancelIsNoLossEvenWhenTheBudgetIsSpent) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  Submit(Spec({2}));
  for (int i = 0; i < 2; ++i) {
    SayStarted(one, *TakeAssign(one));
    NewProcess(one);
    Attach(one);
  }
  SayStarted(one, *TakeAssign(one));
  EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
  Commit();
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_CANCELLED);
}

TEST_F(Operate, RetryQueuesWhatFailedOrWasLost) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  Submit(Spec({2, 4, 8}));
  for (int i = 0; i < 2; ++i) SayFinished(one, *TakeAssign(one), v1::OUTCOME_FAILED, 0);
  SayFinished(one, *TakeAssign(one), v1::OUTCOME_OUT_OF_MEMORY, 0);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
  EXPECT_TRUE(absl::IsNotFound(coordinator->RetrySweep(1, std::nullopt, now, effects).status()));
  Restart();
  Attach(one);
  const auto response = coordinator->RetrySweep(1, memory.Find(1), now, effects);
  Commit();
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->queued_jobs(), 1u);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_RUNNING);
  const auto again = TakeAssign(one);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempt_id(), "s1.1.3") << "attempts are never numbered anew";
  Complete(one, *again);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(Job(1, 3).outcome, v1::OUTCOME_SKIPPED);
}

TEST_F(Operate, ARetriedSweepTakesNoNewcomersAlsoAfterARestart) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  Submit(Spec({2}));
  for (int i = 0; i < 2; ++i) SayFinished(one, *TakeAssign(one), v1::OUTCOME_FAILED, 0);
  ASSERT_EQ(coordinator->RetrySweep(1, memory.Find(1), now, effects)->queued_jobs(), 1u);
  Commit();
  Restart();
  Peer two = Attached("two", {Cpu("CPU-2")});
  EXPECT_FALSE(TakeAssign(two));
  Attach(one);
  EXPECT_TRUE(TakeAssign(one));
}

TEST_F(Operate, RetryOfWhatNeedsNoneChangesNothing) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  Submit(Spec({2}));
  Complete(one, *TakeAssign(one));
  const auto response = coordinator->RetrySweep(1, memory.Find(1), now, effects);
  EXPECT_TRUE(effects.changes.empty());
  EXPECT_EQ(response->queued_jobs(), 0u);
  Submit(Spec({4}));
  EXPECT_TRUE(coordinator->CancelSweep(2, now, effects).ok());
  Commit();
  EXPECT_TRUE(absl::IsFailedPrecondition(coordinator->RetrySweep(2, memory.Find(2), now, effects).status()));
}

TEST_F(Operate, TellsWhatWaitsForAMachineThatIsAway) {
  Peer one = Attached("one", {Cpu("CPU-1"), Cpu("CPU-2")});
  Submit(Spec({2}));
  Detach(one);
  const auto status = [&] { return *coordinator->Status(1, now); };
  EXPECT_EQ(status().absent_size(), 0) << "it may be back in a moment";
  Pass(200);
  ASSERT_EQ(status().absent_size(), 2);
  EXPECT_EQ(status().absent_jobs(), 2u);
  EXPECT_EQ(status().absent(0).device_id(), "CPU-1");
  EXPECT_EQ(status().absent(0).jobs(), 1u);
  EXPECT_EQ(status().absent(0).agent_name(), "one");
  EXPECT_EQ(status().absent(0).agent_state(), v1::AGENT_STATE_LOST);
  EXPECT_EQ(status().absent(0).away_seconds(), 180);
  Restart();
  EXPECT_EQ(status().absent_jobs(), 0u) << "nobody had time to come back";
  Pass(200);
  ASSERT_EQ(status().absent_size(), 2);
  EXPECT_EQ(status().absent(0).agent_name(), "one");
  EXPECT_EQ(status().absent(0).away_seconds(), 360);
  EXPECT_EQ(status().absent(1).agent_name(), "") << "of what it had not in hand nothing is known";
  Attach(one);
  EXPECT_EQ(status().absent_size(), 0);
  v1::RevokeAgentRequest request;
  request.set_agent("one");
  EXPECT_TRUE(coordinator->RevokeAgent(request, now, effects).ok());
  Commit();
  ASSERT_EQ(status().absent_size(), 2);
  EXPECT_EQ(status().absent(0).agent_name(), "") << "whoever announces it next has it";
}

TEST_F(Operate, DrainedAgentFinishesWhatItHasAndTakesNothingNew) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  Submit(Spec({2, 4}));
  const v1::Assign assign = *TakeAssign(one);
  v1::DrainAgentRequest request;
  request.set_agent("one");
  EXPECT_TRUE(coordinator->DrainAgent(request, now, effects).ok());
  Commit();
  const auto messages = Take(one);
  ASSERT_FALSE(messages.empty());
  EXPECT_TRUE(messages.back().has_drain());
  EXPECT_EQ(StateOf(one), v1::AGENT_STATE_DRAINING);
  Complete(one, assign);
  EXPECT_FALSE(TakeAssign(one));
  Detach(one, true);
  Attach(one);
  EXPECT_TRUE(Take(one).back().has_drain()) << "the same process is told again";
  NewProcess(one);
  Attach(one);
  EXPECT_TRUE(TakeAssign(one)) << "who starts it again wants it to work";
  request.set_agent("nobody");
  EXPECT_TRUE(absl::IsNotFound(coordinator->DrainAgent(request, now, effects).status()));
}

TEST_F(Operate, AgentThatDrainsByItselfTakesNothingNew) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  v1::AgentMessage message;
  message.mutable_heartbeat()->set_draining(true);
  Say(one, message);
  EXPECT_EQ(Submit(Spec({2})).jobs(), 0u);
  EXPECT_FALSE(TakeAssign(one));
}

}  // namespace
}  // namespace rsg::schedule
