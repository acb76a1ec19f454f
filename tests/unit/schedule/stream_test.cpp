// Streams: who may speak, which of several counts, and when silence is loss.
#include <gtest/gtest.h>

#include "common/secret.hpp"
#include "world.hpp"

namespace rsg::schedule {
namespace {

using Streams = World;

TEST_F(Streams, UnknownCredentialIsUnauthenticated) {
  coordinator->Open(7, Sha256Hex("stranger"), now, effects);
  Commit();
  EXPECT_TRUE(absl::IsUnauthenticated(ClosedWith(7)));
}

TEST_F(Streams, WelcomeCarriesTheSettings) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  const auto messages = Take(agent);
  ASSERT_EQ(messages.size(), 1u);
  ASSERT_TRUE(messages[0].has_welcome());
  EXPECT_EQ(messages[0].welcome().agent_id(), agent.agent_id);
  EXPECT_EQ(messages[0].welcome().settings().heartbeat_seconds(), settings.heartbeat_seconds);
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_IDLE);
}

TEST_F(Streams, NewerSessionTakesOver) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  const SessionId first = agent.session;
  NewProcess(agent);
  Attach(agent);
  EXPECT_TRUE(absl::IsAborted(ClosedWith(first)));
  EXPECT_TRUE(ClosedWith(agent.session).ok());
  // The end of the old stream, told late, does not touch the new one.
  coordinator->Closed(first, false, now, effects);
  Commit();
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_IDLE);
}

TEST_F(Streams, AProcessThatTakesOverFromItselfIsNotSentAway) {
  // A stream that it gave up may arrive last; then it hears of its end on the one that it uses, and comes back.
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  const SessionId used = agent.session;
  Attach(agent);
  EXPECT_TRUE(absl::IsUnavailable(ClosedWith(used)));
  const SessionId silent = agent.session + 1;
  coordinator->Open(silent, agent.credential, now, effects);
  coordinator->Open(silent + 1, agent.credential, now, effects);
  Commit();
  EXPECT_TRUE(absl::IsUnavailable(ClosedWith(silent))) << "it has not said whose it is";
}

TEST_F(Streams, AStreamThatArrivesAfterTheNextOneOfItsProcessChangesNothing) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  const auto say = [&](SessionId session, std::uint32_t stream, std::vector<v1::AttemptInHand> attempts) {
    Peer at = agent;
    at.session = session;
    coordinator->Open(session, agent.credential, now, effects);
    v1::AgentMessage message;
    *message.mutable_hello() = HelloOf(agent);
    for (const auto& attempt : attempts) *message.mutable_hello()->add_attempts() = attempt;
    message.mutable_hello()->set_stream(stream);
    Say(at, message);
  };
  say(11, 1, {});
  agent.session = 11;
  Submit(Spec({2}));
  const auto assign = TakeAssign(agent);
  ASSERT_TRUE(assign);
  SayStarted(agent, *assign);
  say(13, 3, {InHand(*assign)});
  say(12, 2, {});  // dialled before the attempt came, given up, and late
  EXPECT_TRUE(absl::IsUnavailable(ClosedWith(12)));
  EXPECT_TRUE(ClosedWith(13).ok());
  agent.session = 13;
  SayWindows(agent, *assign, 1, 2);
  EXPECT_EQ(memory.attempts.begin()->second.last_sequence, 2u);
  EXPECT_EQ(memory.attempts.begin()->second.state, v1::JOB_STATE_RUNNING);
  // Another process counts anew.
  NewProcess(agent);
  say(14, 1, {});
  EXPECT_TRUE(ClosedWith(14).ok());
  EXPECT_TRUE(absl::IsAborted(ClosedWith(13)));
}

TEST_F(Streams, SilenceIsShownAndNothingMore) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  Submit(Spec({2, 4}));
  const auto assign = TakeAssign(agent);
  ASSERT_TRUE(assign);
  SayStarted(agent, *assign);
  Pass(settings.lost_after_seconds + 1);
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_LOST);
  EXPECT_TRUE(ClosedWith(agent.session).ok());
  EXPECT_EQ(memory.attempts.size(), 1u);
  SayWindows(agent, *assign, 1, 3);
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_BUSY);
  EXPECT_EQ(memory.attempts.begin()->second.last_sequence, 3u);
}

TEST_F(Streams, TimeInWhichTheCoordinatorStoodStillIsNobodysSilence) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  Pass(settings.lost_after_seconds / 2);
  now.monotonic += 10 * settings.lost_after_seconds;  // a commit that took that long
  Pass(settings.lost_after_seconds / 4);
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_IDLE);
}

TEST_F(Streams, WallClockThatJumpsMakesNobodyLost) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  now.unix += 1e6;
  Pass(1);
  EXPECT_EQ(StateOf(agent), v1::AGENT_STATE_IDLE);
}

TEST_F(Streams, DetachedThenLostUnlessItLeftInGoodOrder) {
  Peer broken = Enrol("broken", {Cpu("CPU-1")});
  Peer left = Enrol("left", {Cpu("CPU-2")});
  Attach(broken);
  Attach(left);
  Detach(broken);
  Detach(left, true);
  EXPECT_EQ(StateOf(broken), v1::AGENT_STATE_DETACHED);
  Pass(settings.lost_after_seconds + 1);
  EXPECT_EQ(StateOf(broken), v1::AGENT_STATE_LOST);
  EXPECT_EQ(StateOf(left), v1::AGENT_STATE_DETACHED);
  Restart();
  EXPECT_EQ(StateOf(broken), v1::AGENT_STATE_DETACHED) << "full grace after a restart";
}

TEST_F(Streams, AgentThatFillsTheLogIsCutShort) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  log.clear();
  for (int i = 0; i < 100; ++i) {
    v1::AgentMessage message;
    for (int line = 0; line < 64; ++line) message.mutable_log_lines()->add_lines("chatter\x1b[2J");
    Say(agent, message);
  }
  EXPECT_LE(log.size(), 110u);
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(log[0].text.find('\x1b'), std::string::npos);
  EXPECT_GT(Rejected("log"), 0u);
}

}  // namespace
}  // namespace rsg::schedule
