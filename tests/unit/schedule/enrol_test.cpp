// Join tokens, enrolment, streams and who may speak.
#include <gmock/gmock.h>

#include "common/secret.hpp"
#include "common/version.hpp"
#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;

class Enrolment : public World {
 protected:
  v1::EnrollRequest Request(const std::string& token, const std::string& who) {
    v1::EnrollRequest request;
    request.set_join_token(token);
    request.set_credential_sha256(Sha256Hex(who));
    request.set_name(who);
    return request;
  }
  absl::Status TryEnrol(const std::string& token, const std::string& who) {
    const auto response = coordinator->Enroll(Request(token, who), now, effects);
    Commit();
    return response.status();
  }
  std::string NewToken(std::uint32_t uses, double seconds = 0) {
    v1::CreateTokenRequest request;
    request.set_uses(uses);
    request.set_valid_seconds(seconds);
    const auto made = coordinator->CreateToken(request, now, effects);
    Commit();
    return made.ok() ? made->secret : made.status().ToString();
  }
};

TEST_F(Enrolment, TokenIsSpentOnceForEachAgent) {
  const std::string token = NewToken(2);
  EXPECT_TRUE(TryEnrol(token, "one").ok());
  EXPECT_TRUE(TryEnrol(token, "one").ok()) << "the answer was lost: the same again";
  EXPECT_EQ(memory.tokens.begin()->second.uses_left, 1u);
  EXPECT_TRUE(TryEnrol(token, "two").ok());
  const absl::Status third = TryEnrol(token, "three");
  EXPECT_TRUE(absl::IsPermissionDenied(third));
  EXPECT_THAT(std::string(third.message()), HasSubstr("used up"));
  EXPECT_TRUE(TryEnrol(token, "one").ok()) << "still known";
  EXPECT_EQ(memory.agents.size(), 2u);
}

TEST_F(Enrolment, TokenIsStoredHashedAndItsAbsenceFound) {
  const std::string token = NewToken(1);
  EXPECT_EQ(token.size(), 32u);
  EXPECT_EQ(memory.tokens.begin()->second.token_sha256, Sha256Hex(token));
  EXPECT_THAT(std::string(TryEnrol("nonsense", "one").message()), HasSubstr("unknown"));
}

TEST_F(Enrolment, TokenExpiresAndIsRevoked) {
  const std::string brief = NewToken(5, 60);
  now.unix += 61;
  EXPECT_THAT(std::string(TryEnrol(brief, "one").message()), HasSubstr("expired"));
  const std::string revoked = NewToken(5);
  v1::RevokeTokenRequest request;
  for (const auto& [id, token] : memory.tokens)
    if (token.token_sha256 == Sha256Hex(revoked)) request.set_token_id(id);
  EXPECT_TRUE(coordinator->RevokeToken(request, effects).ok());
  Commit();
  EXPECT_THAT(std::string(TryEnrol(revoked, "one").message()), HasSubstr("revoked"));
  request.set_token_id("t-none");
  EXPECT_TRUE(absl::IsNotFound(coordinator->RevokeToken(request, effects)));
}

TEST_F(Enrolment, RefusesWhatIsOutOfRange) {
  EXPECT_THAT(NewToken(200'000), HasSubstr("uses"));
  EXPECT_THAT(NewToken(1, -5), HasSubstr("valid"));
  v1::EnrollRequest request = Request(NewToken(1), "one");
  request.set_credential_sha256("ABC");
  EXPECT_TRUE(absl::IsInvalidArgument(coordinator->Enroll(request, now, effects).status()));
}

TEST_F(Enrolment, SurvivesARestart) {
  const std::string token = NewToken(1);
  EXPECT_TRUE(TryEnrol(token, "one").ok());
  Restart();
  EXPECT_TRUE(TryEnrol(token, "one").ok());
  EXPECT_FALSE(TryEnrol(token, "two").ok());
}

class Streams : public World {};

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

TEST_F(Streams, FirstMessageMustBeHello) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  agent.session = 50;
  coordinator->Open(50, agent.credential, now, effects);
  v1::AgentMessage message;
  message.mutable_heartbeat();
  Say(agent, message);
  EXPECT_TRUE(absl::IsInvalidArgument(ClosedWith(50)));
}

TEST_F(Streams, StreamWithoutHelloIsClosed) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  coordinator->Open(50, agent.credential, now, effects);
  Pass(settings.lost_after_seconds + 1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(ClosedWith(50)));
}

TEST_F(Streams, OtherProtocolIsNamed) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  agent.session = 50;
  coordinator->Open(50, agent.credential, now, effects);
  v1::AgentMessage message;
  *message.mutable_hello() = HelloOf(agent);
  message.mutable_hello()->set_protocol_version(kProtocolVersion + 1);
  Say(agent, message);
  EXPECT_TRUE(absl::IsFailedPrecondition(ClosedWith(50)));
  EXPECT_THAT(std::string(ClosedWith(50).message()), HasSubstr("upgrade"));
}

TEST_F(Streams, MalformedHelloIsRefused) {
  Peer agent = Enrol("one", {Cpu("CPU-1"), Cpu("CPU-1")});
  Attach(agent);
  EXPECT_TRUE(absl::IsInvalidArgument(ClosedWith(agent.session)));
  EXPECT_EQ(Rejected("hello"), 1u);
}

TEST_F(Streams, TextsAboutTheMachineAreStoredAndBounded) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  const auto attach = [&](std::size_t bytes) {
    agent.session = agent.session + 50;
    coordinator->Open(agent.session, agent.credential, now, effects);
    v1::AgentMessage message;
    *message.mutable_hello() = HelloOf(agent);
    message.mutable_hello()->set_cpu_info(std::string(bytes, 'x'));
    message.mutable_hello()->set_gpu_info("GPU");
    Say(agent, message);
  };
  attach(65536);
  ASSERT_TRUE(memory.texts.contains(agent.agent_id));
  EXPECT_EQ(memory.texts[agent.agent_id].cpu_info.size(), 65536u);
  EXPECT_EQ(memory.texts[agent.agent_id].gpu_info, "GPU");
  attach(65537);
  EXPECT_TRUE(absl::IsInvalidArgument(ClosedWith(agent.session)));
}

TEST_F(Streams, DevicesWithoutEndAreRefusedBeforeAnyIsKept) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  Attach(agent);
  for (int i = 0; i < 20; ++i) {
    NewProcess(agent);
    agent.devices.clear();
    for (int j = 0; j < 30; ++j) agent.devices.push_back(Gpu("GPU-" + std::to_string(i) + "-" + std::to_string(j)));
    Attach(agent);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(ClosedWith(agent.session)));
  EXPECT_THAT(memory.agents.at(agent.agent_id).machine.devices(0).id(), testing::StartsWith("GPU-1-"))
      << "what is refused is not stored";
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

TEST_F(Streams, AHelloOfAnEarlierProcessThatArrivesLateChangesNothing) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  const auto say = [&](SessionId session, std::uint32_t start) {
    agent.session = session;
    coordinator->Open(session, agent.credential, now, effects);
    v1::AgentMessage message;
    *message.mutable_hello() = HelloOf(agent);
    message.mutable_hello()->set_start(start);
    Say(agent, message);
  };
  const Peer earlier = agent;
  NewProcess(agent);
  say(11, 8);
  Submit(Spec({2}));
  const auto assign = TakeAssign(agent);
  ASSERT_TRUE(assign);
  SayStarted(agent, *assign);
  const Peer newest = std::exchange(agent, earlier);
  say(12, 7);
  EXPECT_TRUE(absl::IsAborted(ClosedWith(12))) << "it is not to come back";
  EXPECT_TRUE(ClosedWith(11).ok());
  EXPECT_EQ(Rejected("late"), 1u);
  EXPECT_EQ(memory.agents.at(agent.agent_id).instance_id, newest.instance_id);
  SayWindows(newest, *assign, 1, 2);
  EXPECT_EQ(memory.attempts.begin()->second.last_sequence, 2u);
  // The numbers are the same when a state folder was copied, and not known to agents that cannot write: the newest
  // stream counts.
  agent = newest;
  for (const std::uint32_t start : {8u, 0u, 0u}) {
    const SessionId before = agent.session;
    NewProcess(agent);
    say(before + 10, start);
    EXPECT_TRUE(absl::IsAborted(ClosedWith(before)));
    EXPECT_TRUE(ClosedWith(agent.session).ok());
  }
}

TEST_F(Streams, AHelloOfAnEarlierProcessChangesNothingAfterAFailureToStoreEither) {
  Peer agent = Enrol("one", {Cpu("CPU-1")});
  const auto say = [&](Peer& peer, SessionId session, std::uint32_t start) {
    peer.session = session;
    coordinator->Open(session, peer.credential, now, effects);
    v1::AgentMessage message;
    *message.mutable_hello() = HelloOf(peer);
    message.mutable_hello()->set_start(start);
    Say(peer, message);
  };
  Peer earlier = agent;
  NewProcess(agent);
  say(agent, 11, 8);
  Submit(Spec({2}));
  const auto assign = TakeAssign(agent);
  ASSERT_TRUE(assign);
  SayStarted(agent, *assign);
  const auto newest = coordinator->NewestProcesses();
  Restart();
  coordinator->Recall(newest);
  say(earlier, 12, 7);
  EXPECT_TRUE(absl::IsAborted(ClosedWith(12)));
  EXPECT_EQ(memory.attempts.begin()->second.state, v1::JOB_STATE_RUNNING);
  say(agent, 13, 8);
  EXPECT_TRUE(ClosedWith(13).ok());
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
