// The wire, against a real server in this process.
#include "agent/connection/fleet_link.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include <algorithm>

#include "common/clock.hpp"
#include "common/secret.hpp"
#include "test_fleet.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;

constexpr double kPatience = 20;

class FleetLinkTest : public ::testing::Test {
 protected:
  void Connect(TestFleet* fleet, const std::string& token = "good token") {
    JoinLine line = fleet->Join();
    line.secret = credential_;
    link_ = std::make_unique<FleetLink>(FleetLinkOptions{.coordinator = line, .join_token = token, .name = "one"});
  }

  /// Waits for the next event of this kind. Others stay for later: a write's end and the answer to it may come in
  /// either order.
  template <typename T>
  T Next() {
    const double until = SystemClock().Monotonic() + kPatience;
    while (SystemClock().Monotonic() < until) {
      const auto found = std::find_if(events_.begin(), events_.end(),
                                      [](const Event& event) { return std::holds_alternative<T>(event); });
      if (found != events_.end()) {
        T event = std::get<T>(std::move(*found));
        events_.erase(found);
        return event;
      }
      pollfd entry{.fd = link_->fd(), .events = POLLIN, .revents = 0};
      poll(&entry, 1, 200);
      for (Event& event : link_->Take()) events_.push_back(std::move(event));
    }
    ADD_FAILURE() << "the event did not come";
    return {};
  }

  void EnrolAndDial() {
    link_->Enrol();
    Next<Enrolled>();
    link_->Dial();
  }

  const std::string credential_ = RandomHex(32);
  std::unique_ptr<FleetLink> link_;
  std::deque<Event> events_;
};

v1::AgentMessage Hello() {
  v1::AgentMessage message;
  message.mutable_hello()->set_name("one");
  return message;
}

std::deque<v1::CoordinatorMessage> Welcome(const v1::AgentMessage& message) {
  std::deque<v1::CoordinatorMessage> answers;
  if (message.has_hello()) answers.emplace_back().mutable_welcome()->set_agent_id("a-1");
  return answers;
}

TEST_F(FleetLinkTest, EnrolsByHashThenAttachesByCredential) {
  TestFleet fleet(Welcome);
  fleet.Start();
  Connect(&fleet);
  EnrolAndDial();
  EXPECT_EQ(fleet.credential_sha256(), Sha256Hex(credential_));
  link_->Send(Hello());
  Next<WriteDone>();
  EXPECT_EQ(Next<Received>().message.welcome().agent_id(), "a-1");
}

TEST_F(FleetLinkTest, RefusalsAreToldApartFromOutages) {
  TestFleet fleet;
  fleet.Start();
  Connect(&fleet, "used token");
  link_->Enrol();
  const LinkLost refused = Next<LinkLost>();
  EXPECT_EQ(refused.kind, LinkLoss::kRefused);
  EXPECT_THAT(refused.reason, HasSubstr("used up"));
  link_->Dial();
  link_->Send(Hello());
  EXPECT_EQ(Next<LinkLost>().kind, LinkLoss::kRefused);
}

TEST_F(FleetLinkTest, AbsentCoordinatorIsFoundOnceItIsThere) {
  TestFleet fleet(Welcome);
  fleet.Start();
  const int port = fleet.port();
  Connect(&fleet);
  EnrolAndDial();
  fleet.Stop();
  EXPECT_EQ(Next<LinkLost>().kind, LinkLoss::kUnreachable);
  for (int i = 0; i < 5; ++i) {
    link_->Dial();
    link_->Send(Hello());
    EXPECT_EQ(Next<LinkLost>().kind, LinkLoss::kUnreachable);
  }
  fleet.Start(port);
  link_->Dial();
  link_->Send(Hello());
  EXPECT_TRUE(Next<Received>().message.has_welcome()) << "gRPC's own back-off does not stand in the way";
}

TEST_F(FleetLinkTest, WrongCaAndPlainTcpAreNotTrusted) {
  TestFleet fleet;
  TestFleet other;
  fleet.Start();
  other.Start(0, /*tls=*/false);
  JoinLine wrong_ca = other.Join();
  wrong_ca.address = fleet.Join().address;
  for (const auto& [line, remedy] : {std::pair{wrong_ca, "get a new line"}, {other.Join(), "does not speak TLS"}}) {
    link_ = std::make_unique<FleetLink>(FleetLinkOptions{.coordinator = line, .join_token = "t", .name = "one"});
    link_->Enrol();
    const LinkLost lost = Next<LinkLost>();
    EXPECT_EQ(lost.kind, LinkLoss::kUntrusted) << lost.reason;
    EXPECT_THAT(lost.reason, HasSubstr(remedy));
  }
}

TEST_F(FleetLinkTest, WhatTheCoordinatorSaysIsNotTakenForTheNetwork) {
  TestFleet fleet;
  fleet.Start();
  Connect(&fleet);
  EnrolAndDial();
  fleet.RefuseAttach({grpc::StatusCode::UNAVAILABLE, "the coordinator cannot store anything now"});
  link_->Send(Hello());
  const LinkLost lost = Next<LinkLost>();
  EXPECT_EQ(lost.kind, LinkLoss::kUnreachable);
  EXPECT_EQ(lost.reason, "the coordinator cannot store anything now");
}

TEST_F(FleetLinkTest, SupersededSessionIsNamed) {
  TestFleet fleet(Welcome);
  fleet.Start();
  Connect(&fleet);
  EnrolAndDial();
  fleet.RefuseAttach({grpc::StatusCode::ABORTED, "a newer session took over"});
  link_->Send(Hello());
  EXPECT_EQ(Next<LinkLost>().kind, LinkLoss::kSuperseded);
}

TEST_F(FleetLinkTest, HangupEndsInLinkLostAndCloseInAGoodbye) {
  TestFleet fleet(Welcome);
  fleet.Start();
  Connect(&fleet);
  EnrolAndDial();
  link_->Send(Hello());
  Next<Received>();
  link_->Hangup();
  Next<LinkLost>();
  link_->Dial();
  link_->Send(Hello());
  Next<WriteDone>();
  Next<Received>();
  link_->Close(5);
  EXPECT_TRUE(fleet.WaitForGoodbye());
}

TEST_F(FleetLinkTest, CloseLetsTheWriteInFlightOutFirst) {
  TestFleet fleet;
  fleet.Start();
  Connect(&fleet);
  EnrolAndDial();
  link_->Send(Hello());
  link_->Close(5);
  EXPECT_TRUE(fleet.WaitForGoodbye());
  EXPECT_TRUE(fleet.WaitFor([](const auto& messages) { return messages.size() == 1; }));
}

TEST_F(FleetLinkTest, ManyMessagesEachWayKeepTheirOrder) {
  TestFleet fleet([](const v1::AgentMessage& message) {
    std::deque<v1::CoordinatorMessage> answers;
    if (message.has_window_batch()) {
      const std::uint32_t sequence = message.window_batch().windows(0).sequence();
      for (int i = 0; i < 3; ++i) answers.emplace_back().mutable_ack()->set_sequence(3 * sequence + i);
    }
    return answers;
  });
  fleet.Start();
  Connect(&fleet);
  EnrolAndDial();
  for (std::uint32_t i = 0; i < 200; ++i) {
    v1::AgentMessage message;
    message.mutable_window_batch()->add_windows()->set_sequence(i);
    link_->Send(message);
    Next<WriteDone>();
    for (std::uint32_t j = 0; j < 3; ++j) ASSERT_EQ(Next<Received>().message.ack().sequence(), 3 * i + j);
  }
}

TEST_F(FleetLinkTest, DestructionInAnyStateIsClean) {
  TestFleet fleet(Welcome);
  fleet.Start();
  Connect(&fleet);
  link_->Enrol();
  link_.reset();
  Connect(&fleet);
  EnrolAndDial();
  link_->Send(Hello());
  link_.reset();
}

}  // namespace
}  // namespace rsg::agent
