// Devices that two agents announce, as two containers on one machine do: one of them works there at a time.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

class SharedGpu : public World {
 protected:
  void SetUp() override {
    first = Enrol("first", {Gpu("GPU-1")});
    second = Enrol("second", {Gpu("GPU-1")});
    Attach(first);
    Attach(second);
    EXPECT_EQ(Submit(Spec({2, 4})).jobs(), 2u) << "one device";
    assign = *TakeAssign(first);
    SayStarted(first, assign);
  }
  Peer first;
  Peer second;
  v1::Assign assign;
};

TEST_F(SharedGpu, IsWorkedOnByOneAgent) {
  EXPECT_FALSE(TakeAssign(second));
  Complete(first, assign);
  EXPECT_TRUE(TakeAssign(first));
  EXPECT_FALSE(TakeAssign(second));
}

TEST_F(SharedGpu, GoesToTheOtherOnlyWhenTheFirstIsLost) {
  Detach(first);
  Pass(settings.lost_after_seconds / 2);
  EXPECT_FALSE(TakeAssign(second));
  Pass(settings.lost_after_seconds);
  const auto taken = TakeAssign(second);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->attempt_id(), "s1.1.2");
  EXPECT_EQ(memory.attempts.at({{1, 1}, 1}).outcome, v1::OUTCOME_LOST);
  Attach(first, {InHand(assign, 3)});
  EXPECT_EQ(TakeCancel(first)->attempt_id(), assign.attempt_id());
  EXPECT_FALSE(TakeAssign(first));
}

TEST_F(SharedGpu, GoesToTheOtherAtOnceWhenTheFirstHasLeft) {
  Complete(first, assign);
  const auto last = TakeAssign(first);
  Complete(first, *last);
  Detach(first, true);
  Pass(1);
  Submit(Spec({8}));
  EXPECT_TRUE(TakeAssign(second));
}

// A copied state folder that is started on another machine: what was measured on the old one is still delivered.
class DeviceLeftBehind : public SharedGpu {
 protected:
  void SetUp() override {
    SharedGpu::SetUp();
    SayWindows(first, assign, 1, 2);
    Detach(first);
    NewProcess(first);
    first.devices = {Gpu("GPU-2")};
    Attach(first, {InHand(assign, 2, true)});
    Pass(1);
  }
};

TEST_F(DeviceLeftBehind, IsNobodyElsesBeforeWhatWasMeasuredThereIsDelivered) {
  EXPECT_FALSE(TakeAssign(second));
  EXPECT_FALSE(TakeAssign(first)) << "it has that device no more";
  SayFinished(first, assign, v1::OUTCOME_COMPLETED, 2);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_COMPLETED);
  Pass(1);
  const auto next = TakeAssign(second);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->attempt_id(), "s1.2.1");
}

TEST_F(DeviceLeftBehind, GoesToTheOtherWhenWhoWasToDeliverIsLost) {
  Detach(first);
  Pass(settings.lost_after_seconds / 2);
  EXPECT_FALSE(TakeAssign(second));
  Pass(settings.lost_after_seconds);
  const auto next = TakeAssign(second);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->attempt_id(), "s1.1.2");
}

TEST_F(DeviceLeftBehind, IsItsOwnAgainWhenItComesBack) {
  NewProcess(first);
  first.devices = {Gpu("GPU-1")};
  Attach(first, {InHand(assign, 2, true)});
  SayFinished(first, assign, v1::OUTCOME_COMPLETED, 2);
  Pass(1);
  EXPECT_TRUE(TakeAssign(first));
  EXPECT_FALSE(TakeAssign(second));
}

TEST_F(DeviceLeftBehind, GoesToTheOtherWhenWhoWasToDeliverIsRevoked) {
  v1::RevokeAgentRequest request;
  request.set_agent("first");
  ASSERT_TRUE(coordinator->RevokeAgent(request, now, effects).ok());
  Commit();
  Pass(1);
  EXPECT_TRUE(TakeAssign(second));
}

}  // namespace
}  // namespace rsg::schedule
