// Hello, the first message of a stream: what it may say of the machine, and of which process it is.
#include <gmock/gmock.h>

#include <utility>

#include "common/version.hpp"
#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;

using Streams = World;

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

}  // namespace
}  // namespace rsg::schedule
