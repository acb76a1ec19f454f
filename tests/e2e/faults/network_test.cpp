// The network between agent and coordinator fails in the middle of an attempt: by a proxy, and between two hosts made
// of network namespaces where those are permitted.
#include "fault_fleet.hpp"
#include "hosts.hpp"

namespace rsg::e2e {
namespace {

constexpr int kWindows = 150;
constexpr int kPause = 20;  // milliseconds; an attempt takes three seconds

class Fault : public FaultFleet {
 protected:
  // An agent in the middle of an attempt that has connected twice: see Reconnect.
  void StartAttempt(int windows = kWindows) {
    agent_ = StartScripted("one", windows, kPause);
    WaitForAgents(1);
    Reconnect();
    sweep_ = SubmitOne();
    EXPECT_TRUE(WaitForWindowsOver(0));
  }
  // `begin` cuts the two apart, `end` lets them together again: both sides find out, and afterwards windows come again.
  template <typename Begin, typename End>
  void ExpectFoundAndResumed(const std::string& fault, Begin begin, End end) {
    const int outages = Outages();
    Stopwatch watch;
    begin();
    EXPECT_TRUE(WaitForState("one", "LOST"));
    const double detected = watch.Seconds();
    EXPECT_TRUE(WaitForLog(*agent_, kOutage, outages + 1));
    const double agent = watch.Seconds();
    const int stored = Windows();
    end();
    watch.Reset();
    EXPECT_TRUE(WaitForWindowsOver(stored));
    char note[64];
    std::snprintf(note, sizeof note, "the agent knows within %.2f s", agent);
    Record(fault, detected, watch.Seconds(), note);
    ExpectCompleted(sweep_, 1, 1);
  }

  int Outages() const { return Count(agent_->Log(), kOutage); }

  // Puts coordinator and agents on two hosts; false, with the reason, where that cannot be.
  bool UseTwoHosts(std::string* why) {
    hosts_ = Hosts::Make(folder_, why);
    if (hosts_ == nullptr) return false;
    host_ = hosts_->coordinator;
    agent_wrapper_ = hosts_->OnAgentHost();
    return true;
  }

  static constexpr char kOutage[] = "will keep trying";
  std::unique_ptr<Hosts> hosts_;
  std::unique_ptr<Process> agent_;
  std::string sweep_;
};

TEST_F(Fault, SilentPartition) {
  StartBehindProxy();
  StartAttempt(250);
  ExpectFoundAndResumed(
      "silent partition (proxy)", [&] { proxy_.Stall(true); }, [&] { proxy_.Stall(false); });
}

TEST_F(Fault, ResponseLostAfterCommit) {
  coordinator_environment_.merge(Shim("coordinator"));
  StartBehindProxy();
  StartAttempt();
  int stored = Windows();
  proxy_.SwallowResponses(true);
  EXPECT_TRUE(WaitForWindowsOver(stored)) << "committed, and nobody was told";
  EXPECT_TRUE(Eventually(10, [&] { return proxy_.swallowed() > 0; }));
  Stopwatch watch;
  stored = Windows();
  proxy_.Cut();
  proxy_.SwallowResponses(false);
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("response lost after commit", -1, watch.Seconds(), "resumed: from the cut to the next window stored");

  // And once more when all windows are stored and the end is being committed: a slow disk leaves the time for it.
  EXPECT_TRUE(WaitForWindowsOver(kWindows / 2));
  SetShim("coordinator", 0, 1);
  EXPECT_TRUE(WaitForWindowsOver(kWindows - 1));
  const auto swallowed = proxy_.swallowed();
  proxy_.SwallowResponses(true);
  EXPECT_TRUE(Eventually(10, [&] { return SqlValue("SELECT state FROM sweeps") == "COMPLETED"; }));
  EXPECT_TRUE(Eventually(10, [&] { return proxy_.swallowed() > swallowed; })) << "the agent is not told";
  SetShim("coordinator", 0);
  proxy_.Cut();
  proxy_.SwallowResponses(false);
  ExpectCompleted(sweep_, 1, 1);
  // The agent has forgotten the attempt and takes the next one.
  const std::string next = SubmitOne();
  EXPECT_EQ(WaitForSweep(next), "COMPLETED");
  ExpectNothingLostOrDoubled(next);
}

TEST_F(Fault, NatRebinding) {
  StartBehindProxy();
  StartAttempt();
  const int attached = Count(coordinator_->Log(), "attached");
  const int outages = Outages();
  Stopwatch watch;
  proxy_.Rebind();
  EXPECT_TRUE(WaitForLog(*agent_, kOutage, outages + 1));
  const double detected = watch.Seconds();
  const int stored = Windows();
  watch.Reset();
  EXPECT_TRUE(WaitForLog(*coordinator_, "attached", attached + 1));
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("NAT rebinding", detected, watch.Seconds(), "the old connection is silent, a new one passes");
  ExpectCompleted(sweep_, 1, 1);
}

TEST_F(Fault, DelaysAndCuts) {
  StartBehindProxy();
  proxy_.Delay(0.05);
  const auto one = StartScripted("one", 50, kPause);
  const auto two = StartScripted("two", 50, kPause);
  WaitForAgents(2);
  proxy_.CutAtRandom(0.7);
  Reconnect();
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "1,2,4", "--precision", "fp32"});
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  Record("delays of 50 ms each way, cuts at random", -1, -1, std::to_string(proxy_.reset()) + " connections cut");
  EXPECT_GT(proxy_.reset(), 4);
  ExpectCompleted(sweep, 6, 6);
}

TEST_F(Fault, PacketsDropped) {
  if (std::string why; !UseTwoHosts(&why)) GTEST_SKIP() << why;
  StartCoordinator();
  // Its second session stands on what the settings say of silence.
  agent_ = StartScripted("one", 300, kPause);
  WaitForAgents(1);
  KillCoordinator();
  StartCoordinator();
  WaitForAgents(1);
  sweep_ = SubmitOne();
  EXPECT_TRUE(WaitForWindowsOver(0));
  ExpectFoundAndResumed(
      "all packets dropped (iptables)", [&] { EXPECT_TRUE(hosts_->Drop(true)); },
      [&] { EXPECT_TRUE(hosts_->Drop(false)); });
}

TEST_F(Fault, LinkThrottled) {
  if (std::string why; !UseTwoHosts(&why)) GTEST_SKIP() << why;
  StartCoordinator();
  agent_ = StartScripted("one", kWindows, kPause);
  WaitForAgents(1);
  if (!hosts_->Throttle(32)) GTEST_SKIP() << "this kernel has no token bucket (tc tbf)";
  Stopwatch watch;
  sweep_ = SubmitOne();
  EXPECT_EQ(WaitForSweep(sweep_), "COMPLETED");
  const std::string ran = SqlValue("SELECT round(runtime_seconds, 2) FROM attempts");
  Record("link throttled to 32 kbit/s (tbf)", -1, watch.Seconds(),
         "resumed: an attempt of 3 s is complete; its child ran " + ran + " s");
  EXPECT_LT(std::stod(ran), 1.5 * kWindows * kPause / 1000) << "at its own pace, not the link's";
  ExpectCompleted(sweep_, 1, 1);
}

}  // namespace
}  // namespace rsg::e2e
