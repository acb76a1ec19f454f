// Sweeps limited to so many machines: a slot whose machine stays away goes to another one.
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Slots : public World {
 protected:
  Slots() : World(Settings()) {}
  void SetUp() override {
    spec = Spec({2, 4, 8});
    spec.mutable_devices()->set_machines(1);
    first = Enrol("first", {Gpu("GPU-1")});
    Attach(first);
  }
  // Time in which who is attached, but for `mute`, is heard.
  void Wait(double seconds) {
    for (double passed = 0; passed < seconds; passed += 5) {
      for (const Peer* peer : {&first, &second}) {
        if (peer->session == 0 || peer == mute) continue;
        v1::AgentMessage message;
        message.mutable_heartbeat();
        Say(*peer, std::move(message));
      }
      Pass(std::min(5.0, seconds - passed));
    }
  }
  // Long enough for a slot to be given away.
  void WaitAll() { Wait(settings.lost_after_seconds + settings.slot_timeout_seconds + 2); }
  void AttachSecond() {
    if (second.agent_id.empty()) second = Enrol("second", {Gpu("GPU-2")});
    Attach(second);
  }
  std::vector<v1::Assign> Offers(const Peer& peer) {
    std::vector<v1::Assign> offers;
    while (const auto assign = TakeAssign(peer)) offers.push_back(*assign);
    return offers;
  }
  static std::vector<std::uint32_t> Sizes(const std::vector<v1::Assign>& offers) {
    std::vector<std::uint32_t> sizes;
    for (const v1::Assign& offer : offers) sizes.push_back(offer.cell().batch_size());
    return sizes;
  }
  // `first` completes its first job, begins the second and is not heard any more.
  std::vector<v1::Assign> WorkAndVanish() {
    const std::vector<v1::Assign> offers = Offers(first);
    Complete(first, offers.at(0));
    SayStarted(first, offers.at(1));
    SayWindows(first, offers.at(1), 1, 3);
    Detach(first);
    return offers;
  }
  v1::SweepSpec spec;
  Peer first;
  Peer second;
  const Peer* mute = nullptr;
  std::deque<v1::Assign> offers_;
};

TEST_F(Slots, GoToAnotherMachineWithWhatIsNotMeasuredYet) {
  Submit(spec);
  AttachSecond();
  const std::vector<v1::Assign> old = WorkAndVanish();
  Wait(settings.lost_after_seconds + settings.slot_timeout_seconds - 2);
  EXPECT_THAT(Offers(second), IsEmpty()) << "it may come back";
  Wait(4);
  const std::vector<v1::Assign> moved = Offers(second);
  ASSERT_THAT(Sizes(moved), ElementsAre(4u, 8u));
  EXPECT_EQ(moved[0].device_id(), "GPU-2");
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_COMPLETED) << "a result stays where it was measured";
  EXPECT_EQ(Job(1, 1).device_id, "GPU-1");
  EXPECT_EQ(memory.attempts.at({{1, 2}, 1}).outcome, v1::OUTCOME_LOST);
  for (const std::int64_t job : {2, 3}) {
    EXPECT_EQ(Job(1, job).outcome, v1::OUTCOME_SKIPPED);
    EXPECT_THAT(Job(1, job).reason, HasSubstr("its slot went to agent second"));
  }
  for (const v1::Assign& assign : moved) Complete(second, assign);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].counts().completed(), 3u);
  EXPECT_EQ(ended[0].counts().skipped(), 2u);
  EXPECT_EQ(ended[0].counts().failed(), 0u);
  EXPECT_EQ(memory.results.size(), 3u);
}

TEST_F(Slots, MachineThatComesBackFindsItsAttemptsFenced) {
  Submit(spec);
  AttachSecond();
  const std::vector<v1::Assign> old = WorkAndVanish();
  WaitAll();
  const std::vector<v1::Assign> moved = Offers(second);
  v1::AttemptInHand queued = InHand(old.at(2));
  queued.set_queued(true);
  Attach(first, {InHand(old.at(1), 5, true), queued});
  EXPECT_EQ(TakeCancel(first)->attempt_id(), old.at(1).attempt_id());
  EXPECT_EQ(TakeCancel(first)->attempt_id(), old.at(2).attempt_id());
  SayWindows(first, old.at(1), 4, 5);
  EXPECT_EQ(memory.windows.at({{1, 2}, 1}).size(), 3u);
  SayFinished(first, old.at(1), v1::OUTCOME_COMPLETED, 5);
  EXPECT_FALSE(TakeFinishedAck(first)->accepted()) << "delivered after the fencing";
  EXPECT_EQ(memory.results.size(), 1u);
  EXPECT_THAT(Offers(first), IsEmpty()) << "it has no slot any more";
  for (const v1::Assign& assign : moved) Complete(second, assign);
  EXPECT_EQ(memory.results.size(), 3u);
}

TEST_F(Slots, FrozenMachineWhoseStreamStandsIsToldToStop) {
  Submit(spec);
  const std::vector<v1::Assign> old = Offers(first);
  SayStarted(first, old.at(0));
  AttachSecond();
  mute = &first;
  WaitAll();
  EXPECT_THAT(Sizes(Offers(second)), ElementsAre(2u, 4u, 8u));
  EXPECT_EQ(TakeCancel(first)->attempt_id(), old.at(0).attempt_id());
}

TEST_F(Slots, WaitForAnotherMachineToCome) {
  Submit(spec);
  WorkAndVanish();
  WaitAll();
  WaitAll();
  EXPECT_EQ(Job(1, 2).state, v1::JOB_STATE_RUNNING) << "nobody could take it";
  Peer other = Enrol("other", {Gpu("GPU-3", "NVIDIA A100-SXM4-80GB")});
  Attach(other);
  Offers(other);
  Wait(2);
  EXPECT_EQ(Job(1, 2).state, v1::JOB_STATE_RUNNING) << "a slot is one of machines with this GPU";
  AttachSecond();
  Wait(2);
  EXPECT_THAT(Sizes(Offers(second)), ElementsAre(4u, 8u));
}

TEST_F(Slots, StayWithAMachineThatComesBackInTime) {
  Submit(spec);
  AttachSecond();
  const std::vector<v1::Assign> old = WorkAndVanish();
  Wait(settings.slot_timeout_seconds);
  for (int i = 0; i < 2; ++i) {
    Attach(first, {InHand(old.at(1), 3), InHand(old.at(2))});
    Wait(settings.slot_timeout_seconds);
  }
  EXPECT_THAT(Offers(second), IsEmpty());
  EXPECT_EQ(Job(1, 2).state, v1::JOB_STATE_RUNNING);
}

TEST_F(Slots, AbsenceBeginsAnewWithARestartOfTheCoordinator) {
  Submit(spec);
  WorkAndVanish();
  Wait(settings.slot_timeout_seconds);
  Restart();
  AttachSecond();
  Wait(settings.slot_timeout_seconds);
  EXPECT_THAT(Offers(second), IsEmpty());
  Wait(settings.lost_after_seconds + 2);
  EXPECT_THAT(Sizes(Offers(second)), ElementsAre(4u, 8u));
  Restart();
  Attach(second);
  EXPECT_EQ(Job(1, 1).device_id, "GPU-1");
  EXPECT_EQ(Job(1, 4).device_id, "GPU-2");
}

TEST_F(Slots, OfASweepWithoutALimitAreNobodysToGiveAway) {
  spec.mutable_devices()->clear_machines();
  Submit(spec);
  WorkAndVanish();
  WaitAll();
  AttachSecond();
  Wait(2);
  EXPECT_THAT(Sizes(Offers(second)), ElementsAre(2u, 4u, 8u)) << "as any machine that joins";
  EXPECT_EQ(Job(1, 2).state, v1::JOB_STATE_RUNNING);
}

TEST_F(Slots, ThatAreDoneAreNotGivenAway) {
  spec.mutable_devices()->set_open_for_seconds(1e4);
  Submit(spec);
  for (const v1::Assign& assign : Offers(first)) Complete(first, assign);
  Detach(first);
  WaitAll();
  AttachSecond();
  Wait(2);
  EXPECT_THAT(Offers(second), IsEmpty());
}

TEST_F(Slots, ANewMachineMeasuresControlCellsOfItsOwn) {
  spec.clear_control();
  Submit(spec);
  Complete(first, Offers(first).at(0));
  WorkAndVanish();
  AttachSecond();
  WaitAll();
  EXPECT_EQ(Job(1, 5).outcome, v1::OUTCOME_SKIPPED) << "the old machine's at the end";
  std::vector<std::string> order;
  for (auto offers = Offers(second); !offers.empty(); offers = Offers(second))
    for (const v1::Assign& assign : offers) {
      order.push_back(assign.attempt_id());
      Complete(second, assign);
    }
  EXPECT_THAT(order, ElementsAre("s1.6.1", "s1.7.1", "s1.8.1", "s1.9.1"));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].drift_size(), 2);
}

TEST_F(Slots, OfAMachineWithSeveralDevicesGoTogether) {
  Peer big = Enrol("big", {Gpu("GPU-a", "T4"), Gpu("GPU-b", "T4")});
  Attach(big);
  spec.mutable_devices()->set_gpu("T4");
  Submit(spec);
  const std::vector<v1::Assign> old = Offers(big);
  Complete(big, old.at(0));  // of GPU-a, batch size 2
  Offers(big);
  Detach(big);
  second = Enrol("small", {Gpu("GPU-c", "T4")});
  Attach(second);
  WaitAll();
  EXPECT_THAT(Sizes(Offers(second)), ElementsAre(2u, 4u, 8u)) << "what either of them left, once";
}

TEST_F(Slots, MachineThatGaveItsSlotAwayIsGivenNothingMore) {
  Submit(spec);
  AttachSecond();
  const std::vector<v1::Assign> old = Offers(first);
  for (const v1::Assign* failing = &old.at(0); failing != nullptr;) {
    SayStarted(first, *failing);
    SayFinished(first, *failing, v1::OUTCOME_FAILED, 0);
    const auto again = TakeAssign(first);
    failing = again && again->attempt_id().starts_with("s1.1.") ? &offers_.emplace_back(*again) : nullptr;
  }
  ASSERT_EQ(Job(1, 1).outcome, v1::OUTCOME_FAILED);
  Detach(first);
  WaitAll();
  ASSERT_THAT(Sizes(Offers(second)), ElementsAre(4u, 8u));
  for (const bool restart : {false, true}) {
    if (restart) {
      Restart();
      Attach(second);
      Offers(second);
    }
    const auto retried = coordinator->RetrySweep(1, std::nullopt, now, effects);
    Commit();
    ASSERT_TRUE(retried.ok());
    EXPECT_EQ(retried->queued_jobs(), 0u) << "its failed job waits for nobody";
    // As a container with a fresh state folder announces it, or a second card of that name.
    first.devices = {Gpu("GPU-1"), Gpu(restart ? "GPU-1c" : "GPU-1b")};
    Attach(first);
    EXPECT_THAT(Offers(first), IsEmpty());
    Detach(first);
  }
}

TEST_F(Slots, MachineThatGaveItsSlotAwayCanBeNobodysTaker) {
  Submit(spec);
  AttachSecond();
  WorkAndVanish();
  WaitAll();
  Offers(second);
  Attach(first);
  Offers(first);
  Detach(second);
  WaitAll();
  EXPECT_THAT(Offers(first), IsEmpty());
  EXPECT_TRUE(coordinator->IsLive(1));
}

}  // namespace
}  // namespace rsg::schedule
