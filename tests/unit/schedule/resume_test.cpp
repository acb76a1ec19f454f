// Streams that break, processes that are restarted, coordinators that crash: what goes on and what is fenced.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;

class Resume : public JobInHand {};

TEST_F(Resume, SameProcessGoesOnWhereItWas) {
  SayWindows(agent, assign, 1, 3);
  Detach(agent);
  Pass(2 * settings.lost_after_seconds);
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_LOST);
  Attach(agent, {InHand(assign, 9)});
  const auto messages = Take(agent);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_TRUE(messages[0].has_welcome());
  EXPECT_EQ(messages[1].ack().attempt_id(), assign.attempt_id());
  EXPECT_EQ(messages[1].ack().sequence(), 3u);
  SayWindows(agent, assign, 4, 9);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 9);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_COMPLETED);
}

TEST_F(Resume, RestartOfTheCoordinatorLosesNothing) {
  SayWindows(agent, assign, 1, 3);
  Restart();
  Attach(agent, {InHand(assign, 5)});
  EXPECT_EQ(TakeAck(agent)->sequence(), 3u);
  EXPECT_FALSE(TakeAssign(agent));
  SayWindows(agent, assign, 2, 5);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 5);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_COMPLETED);
  EXPECT_EQ(TakeAssign(agent)->attempt_id(), "s1.2.1");
}

TEST_F(Resume, OfferThatWasLostIsMadeAgainWithTheSameToken) {
  Detach(agent);
  Attach(agent);
  const auto again = TakeAssign(agent);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempt_id(), assign.attempt_id());
  EXPECT_EQ(again->lease_token(), assign.lease_token());
  EXPECT_EQ(memory.attempts.size(), 1u);
}

TEST_F(Resume, OfferToAnEarlierProcessCostsNothing) {
  for (int i = 0; i < 3; ++i) {
    Detach(agent);
    NewProcess(agent);
    Attach(agent);
    const auto next = TakeAssign(agent);
    ASSERT_TRUE(next);
    EXPECT_NE(next->lease_token(), assign.lease_token()) << "a clone of the earlier process may have it";
  }
  EXPECT_EQ(Job(1, 1).losses, 0u);
}

TEST_F(Resume, AgentThatDiesOfEveryOfferDoesNotGoOnForEver) {
  for (int i = 0; i < 20 && Job(1, 1).state != v1::JOB_STATE_ENDED; ++i) {
    Detach(agent);
    NewProcess(agent);
    Attach(agent);
  }
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_LOST);
}

TEST_F(Resume, NewProcessFencesWhatTheEarlierOneRan) {
  SayStarted(agent, assign);
  SayWindows(agent, assign, 1, 3);
  NewProcess(agent);
  Attach(agent);
  const auto next = TakeAssign(agent);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->attempt_id(), "s1.1.2");
  EXPECT_EQ(Job(1, 1).losses, 1u);
  EXPECT_EQ(memory.attempts.at({{1, 1}, 1}).outcome, v1::OUTCOME_LOST);
  SayWindows(agent, assign, 4, 5);
  EXPECT_EQ(TakeCancel(agent)->attempt_id(), assign.attempt_id()) << "the old token is worth nothing";
  EXPECT_EQ(memory.windows.at({{1, 1}, 1}).size(), 3u);
}

TEST_F(Resume, NewProcessDeliversWhatTheEarlierOneFinished) {
  SayWindows(agent, assign, 1, 3);
  Detach(agent);
  NewProcess(agent);
  Attach(agent, {InHand(assign, 4, true)});
  EXPECT_EQ(TakeAck(agent)->sequence(), 3u);
  SayWindows(agent, assign, 4, 4);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 4);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_COMPLETED);
}

TEST_F(Resume, AttemptThatTheProcessForgotIsLost) {
  SayStarted(agent, assign);
  Detach(agent);
  Attach(agent);
  EXPECT_EQ(memory.attempts.at({{1, 1}, 1}).outcome, v1::OUTCOME_LOST);
  EXPECT_EQ(TakeAssign(agent)->attempt_id(), "s1.1.2");
}

TEST_F(Resume, NewsOfAnAcceptedEndIsRepeated) {
  SayWindows(agent, assign, 1, 2);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 2);
  Detach(agent);
  Attach(agent, {InHand(assign, 2, true)});
  const auto finished = TakeFinishedAck(agent);
  ASSERT_TRUE(finished);
  EXPECT_TRUE(finished->accepted());
  EXPECT_FALSE(TakeCancel(agent));
  EXPECT_EQ(TakeAssign(agent)->attempt_id(), "s1.2.1");
}

TEST_F(Resume, AttemptCancelledMeanwhileIsToldSoAndItsChildWaitedFor) {
  SayStarted(agent, assign);
  Detach(agent);
  EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
  Commit();
  Submit(Spec({16}));
  Attach(agent, {InHand(assign, 5)});
  EXPECT_EQ(TakeCancel(agent)->attempt_id(), assign.attempt_id());
  EXPECT_FALSE(TakeAssign(agent));
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_BUSY);
  SayFinished(agent, assign, v1::OUTCOME_CANCELLED, 5);
  EXPECT_FALSE(TakeFinishedAck(agent)->accepted());
  EXPECT_EQ(TakeAssign(agent)->attempt_id(), "s2.1.1");
}

TEST_F(Resume, AgentThatNeverSaysThatAChildIsGoneIsGivenWorkAfterATime) {
  SayStarted(agent, assign);
  EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
  Commit();
  Submit(Spec({16}));
  EXPECT_TRUE(TakeCancel(agent));
  EXPECT_FALSE(TakeAssign(agent));
  Pass(settings.kill_after_seconds + 10);
  EXPECT_TRUE(TakeAssign(agent));
}

TEST_F(Resume, MessagesOfAClosedStreamAreIgnored) {
  Peer old = agent;
  Attach(agent, {InHand(assign)});
  SayWindows(old, assign, 1, 2);
  EXPECT_EQ(memory.attempts.at({{1, 1}, 1}).last_sequence, 0u);
}

TEST_F(Resume, StoredAttemptWithoutALiveJobIsEnded) {
  memory.sweeps.at(1).state = v1::SWEEP_STATE_CANCELLED;
  Restart();
  EXPECT_EQ(memory.attempts.at({{1, 1}, 1}).state, v1::JOB_STATE_ENDED);
  Attach(agent, {InHand(assign)});
  EXPECT_TRUE(TakeCancel(agent));
}

}  // namespace
}  // namespace rsg::schedule
