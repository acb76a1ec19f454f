// What an agent may say: an honest one is never slowed, a flood is slowed to the rate, and no agent has a second
// bucket.
#include "coordinator/schedule/quota.hpp"

#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kSpool = 100'000;

TEST(Quota, HonestAgentIsNeverSlowed) {
  Quota quota(kSpool);
  for (int second = 0; second < 1000; ++second) {
    EXPECT_EQ(quota.OnMessage(2500, 10, second), 0);
    EXPECT_EQ(quota.OnMessage(20, 0, second), 0);
  }
}

TEST(Quota, WholeSpoolPassesAtOnce) {
  Quota quota(kSpool);
  for (std::uint32_t sent = 0; sent < kSpool; sent += 64) ASSERT_EQ(quota.OnMessage(64 * 250, 64, 0.001 * sent), 0);
}

TEST(Quota, FloodIsSlowedToTheRate) {
  Quota quota(kSpool);
  double now = 0;
  for (int i = 0; i < 30'000; ++i) now += quota.OnMessage(10, 0, now);
  EXPECT_NEAR(now, (30'000 - 10'000) / 500.0, 0.1) << "messages";
  now = 1000;
  for (int i = 0; i < 200; ++i) now += quota.OnMessage(1 << 20, 0, now);
  EXPECT_NEAR(now - 1000, (200 - 64) / 4.0, 0.5) << "bytes";
}

TEST(Quota, NoMessageIsWaitedForLong) {
  Quota quota(kSpool);
  double longest = 0;
  double now = 0;
  for (int i = 0; i < 2000; ++i) {
    const double pause = quota.OnMessage(1 << 20, 1024, now);
    longest = std::max(longest, pause);
    now += pause;
  }
  EXPECT_LT(longest, 0.5) << "heartbeats pass in time";
}

TEST(Quota, StreamsAreRefusedWhenFarTooMuchIsOwed) {
  Quota quota(kSpool);
  int opened = 0;
  while (quota.OnStream(0)) {
    quota.OnMessage(200'000, 0, 0);
    ASSERT_LT(++opened, 10'000);
  }
  EXPECT_GT(opened, 100);
  EXPECT_TRUE(quota.OnStream(10)) << "later again";
}

class Flood : public World {};

TEST_F(Flood, IsToldOnceAndSlowed) {
  Peer peer = Enrol("evil", {Cpu("CPU-1")});
  Attach(peer);
  v1::AgentMessage message;
  message.mutable_heartbeat();
  double pause = 0;
  for (int i = 0; i < 10'010; ++i) pause = coordinator->Receive(peer.session, message, now, effects);
  Commit();
  EXPECT_GT(pause, 0);
  EXPECT_GE(Rejected("slowed"), 1u);
  std::size_t told = 0;
  for (const LogEntry& entry : log) told += entry.text.find("read more slowly") != std::string::npos;
  EXPECT_EQ(told, 1u);
  Peer other = Enrol("good", {Cpu("CPU-2")});
  Attach(other);
  EXPECT_EQ(coordinator->Receive(other.session, message, now, effects), 0) << "each has its own";
}

TEST_F(Flood, OfStreamsIsRefused) {
  Peer peer = Enrol("evil", {Cpu("CPU-1")});
  const v1::Hello hello = HelloOf(peer);
  SessionId session = 1000;
  for (; Rejected("quota") == 0 && session < 10'000; ++session) {
    coordinator->Open(session, peer.credential, now, effects);
    v1::AgentMessage message;
    *message.mutable_hello() = hello;
    message.mutable_hello()->set_cpu_info(std::string(60'000, 'x'));
    message.mutable_hello()->set_gpu_info(std::string(60'000, 'x'));
    coordinator->Receive(session, message, now, effects);
    Commit();
  }
  EXPECT_EQ(Rejected("quota"), 1u);
  EXPECT_TRUE(absl::IsResourceExhausted(ClosedWith(session - 1)));
  Pass(10);
  Attach(peer);
  EXPECT_EQ(StateOf(peer), v1::AGENT_STATE_IDLE);
}

TEST_F(Flood, OfWindowsEndsTheAttempt) {
  Peer peer = Enrol("evil", {Cpu("CPU-1")});
  Attach(peer);
  v1::SweepSpec spec = Spec({8});
  spec.mutable_limits()->set_max_seconds(1);
  spec.mutable_limits()->set_seconds(0.5);
  Submit(spec);
  const v1::Assign assign = *TakeAssign(peer);
  SayStarted(peer, assign);
  const auto most = static_cast<std::uint32_t>(1000 + 50 * assign.max_runtime_seconds());
  for (std::uint32_t first = 1; first <= most && Rejected("window") == 0; first += 50)
    SayWindows(peer, assign, first, first + 49);
  SayWindows(peer, assign, most + 1, most + 1);
  EXPECT_EQ(Rejected("window"), 1u);
  ASSERT_TRUE(TakeCancel(peer));
  EXPECT_LE(memory.attempts.begin()->second.last_sequence, most);
  EXPECT_THAT(memory.attempts.begin()->second.error, HasSubstr("this attempt has at most"));
}

}  // namespace
}  // namespace rsg::schedule
