// Who is let in to enrol and to fetch scripts: a flood takes no place from others.
#include <gtest/gtest.h>

#include "coordinator/server/fetch_gate.hpp"
#include "coordinator/server/peer_gate.hpp"

namespace rsg::server {
namespace {

TEST(PeerGate, OnePeerTakesAQuarterOfThePlaces) {
  PeerGate gate;
  for (int i = 0; i < PeerGate::kMostOfOne; ++i) ASSERT_TRUE(gate.Enter("ipv4:10.0.0.1:" + std::to_string(i), 0).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(gate.Enter("ipv4:10.0.0.1:9", 0)));
  EXPECT_TRUE(gate.Enter("ipv4:10.0.0.2:9", 0).ok());
  gate.Left("ipv4:10.0.0.1:0", false, 0);
  EXPECT_TRUE(gate.Enter("ipv4:10.0.0.1:9", 0).ok());
}

TEST(PeerGate, AllTogetherAreBounded) {
  PeerGate gate;
  int inside = 0;
  while (gate.Enter("ipv6:[::" + std::to_string(inside) + "]:1", 0).ok()) ASSERT_LE(++inside, PeerGate::kMost);
  EXPECT_EQ(inside, PeerGate::kMost);
}

TEST(PeerGate, FailuresAreForgivenWithTime) {
  PeerGate gate;
  int failed = 0;
  for (; gate.Enter("ipv4:10.0.0.1:1", 1000).ok(); ++failed) gate.Left("ipv4:10.0.0.1:1", true, 1000);
  EXPECT_EQ(failed, PeerGate::kFailures.at_once + 1);
  EXPECT_TRUE(gate.Enter("ipv4:10.0.0.2:1", 1000).ok()) << "others are let in";
  EXPECT_TRUE(gate.Enter("ipv4:10.0.0.1:1", 1001).ok());
}

TEST(PeerGate, WhoSucceedsIsNeverRefused) {
  PeerGate gate;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(gate.Enter("ipv4:10.0.0.1:1", 0).ok());
    gate.Left("ipv4:10.0.0.1:1", false, 0);
  }
}

TEST(PeerGate, ManyPeersThatFailAreForgottenRatherThanKept) {
  PeerGate gate;
  for (int i = 0; i < 100'000; ++i) {
    const std::string peer = "ipv4:" + std::to_string(i) + ":1";
    ASSERT_TRUE(gate.Enter(peer, 0).ok());
    gate.Left(peer, true, 0);
  }
}

class Fetches : public testing::Test {
 protected:
  absl::Status Enter(const std::string& who, double now) {
    return gate_.Enter(who, now, [this, who] { cut_.push_back(who); });
  }
  FetchGate gate_;
  std::vector<std::string> cut_;
};

TEST_F(Fetches, OneAnAgentAndNoMoreThanThePlaces) {
  for (std::size_t i = 0; i < FetchGate::kMost; ++i) ASSERT_TRUE(Enter(std::to_string(i), 0).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Enter("0", 1)));
  EXPECT_TRUE(absl::IsResourceExhausted(Enter("more", 1)));
  EXPECT_TRUE(cut_.empty()) << "they have not stalled";
  gate_.Left("0");
  EXPECT_TRUE(Enter("more", 1).ok());
}

TEST_F(Fetches, WhoStallsLosesItsPlaceToTheNext) {
  for (std::size_t i = 0; i < FetchGate::kMost; ++i) ASSERT_TRUE(Enter(std::to_string(i), 0).ok());
  for (std::size_t i = 0; i < FetchGate::kMost; ++i)
    if (i != 7) gate_.Moved(std::to_string(i), 20);
  EXPECT_FALSE(Enter("more", 31).ok());
  EXPECT_EQ(cut_, std::vector<std::string>{"7"});
  gate_.Left("7");
  EXPECT_TRUE(Enter("more", 31).ok());
}

TEST_F(Fetches, OwnCallThatStalledIsCutToo) {
  ASSERT_TRUE(Enter("one", 0).ok());
  EXPECT_FALSE(Enter("one", 10).ok());
  EXPECT_TRUE(cut_.empty());
  EXPECT_FALSE(Enter("one", 31).ok());
  EXPECT_EQ(cut_.size(), 1u);
}

}  // namespace
}  // namespace rsg::server
