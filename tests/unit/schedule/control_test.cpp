// When control cells run, and that they decide nothing.
#include "coordinator/schedule/control.hpp"

#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Controls : public World {
 protected:
  void SetUp() override {
    agent = Enrol("one", {Cpu("CPU-1")});
    Attach(agent);
  }
  v1::Assign Next() {
    const auto assign = TakeAssign(agent);
    EXPECT_TRUE(assign);
    return assign.value_or(v1::Assign());
  }
  // Works until nothing is offered any more; the jobs' numbers in order.
  std::vector<std::string> CompleteAll(const Peer& peer) {
    std::vector<std::string> order;
    while (const auto assign = TakeAssign(peer)) {
      order.push_back(assign->attempt_id());
      Complete(peer, *assign);
    }
    return order;
  }
  // A COMPLETED end with this throughput, in one window of one second's samples.
  void CompleteWith(const v1::Assign& assign, std::uint32_t steps, double half_width) {
    v1::AgentMessage message;
    v1::AttemptFinished& finished = *message.mutable_attempt_finished();
    finished.set_attempt_id(assign.attempt_id());
    finished.set_lease_token(assign.lease_token());
    finished.set_outcome(v1::OUTCOME_COMPLETED);
    v1::Result& result = *finished.mutable_result();
    result = MakeResult(assign.cell().batch_size(), 1);
    const std::uint32_t samples = steps * assign.cell().batch_size();
    result.set_steps(steps);
    result.set_samples(samples);
    result.set_seconds(1);
    result.set_throughput(samples);
    result.set_ci_low(samples * (1 - half_width));
    result.set_ci_high(samples * (1 + half_width));
    result.set_verdict(v1::VERDICT_VALID);
    Say(agent, message);
  }
  v1::Drift OnlyDrift(const v1::SweepStatus& status) {
    EXPECT_EQ(status.drift_size(), 1);
    return status.drift().empty() ? v1::Drift() : status.drift(0);
  }
  absl::StatusOr<v1::RetrySweepResponse> Retry() {
    auto response =
        coordinator->RetrySweep(1, coordinator->IsLive(1) ? std::nullopt : std::optional(memory.Find(1)), now, effects);
    Commit();
    return response;
  }
  Peer agent;
};

TEST_F(Controls, FirstAndLastOnADeviceAndNotCounted) {
  const auto response = Submit(ControlledSpec({2, 4}));
  EXPECT_EQ(response.cells(), 2u);
  EXPECT_EQ(response.jobs(), 2u);
  EXPECT_EQ(memory.jobs.size(), 4u);
  const v1::Assign start = Next();
  EXPECT_EQ(start.attempt_id(), "s1.1.1");
  EXPECT_EQ(start.cell().batch_size(), 4u) << "a CPU's";
  EXPECT_EQ(start.limits().seconds(), 5);
  EXPECT_FALSE(start.limits().has_target_half_width());
  SayStarted(agent, start);
  const auto at_start = coordinator->Status(1, now);
  EXPECT_EQ(at_start->cells(), 2u);
  EXPECT_EQ(at_start->counts().total(), 2u);
  EXPECT_EQ(at_start->counts().running(), 0u);
  ASSERT_EQ(at_start->running_size(), 1);
  EXPECT_EQ(at_start->running(0).role(), v1::ROLE_CONTROL);
  SayWindows(agent, start, 1, 2);
  SayFinished(agent, start, v1::OUTCOME_COMPLETED, 2);
  const v1::Assign first = Next();
  EXPECT_EQ(first.attempt_id(), "s1.2.1");
  EXPECT_EQ(Job(1, 2).role, v1::ROLE_MEASUREMENT);
  Complete(agent, first);
  const v1::Assign second = Next();
  EXPECT_EQ(second.limits().target_half_width(), 0.005);
  Complete(agent, second);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_RUNNING) << "the control cell at the end is left";
  EXPECT_EQ(coordinator->Status(1, now)->counts().completed(), 2u);
  Complete(agent, Next());
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(ended.at(0).counts().total(), 2u);
  EXPECT_EQ(Job(1, 1).role, v1::ROLE_CONTROL);
  EXPECT_EQ(Job(1, 1).repeat, kControlStart);
  EXPECT_EQ(Job(1, 4).repeat, kControlEnd);
  EXPECT_EQ(Job(1, 1).cell.SerializeAsString(), Job(1, 4).cell.SerializeAsString());
}

TEST_F(Controls, DriftIsToldWithTheSweep) {
  Submit(ControlledSpec({2}));
  CompleteWith(Next(), 50, 0.03);
  v1::Drift drift = OnlyDrift(*coordinator->Status(1, now));
  EXPECT_EQ(drift.device_id(), "CPU-1");
  EXPECT_EQ(drift.agent_name(), "one");
  EXPECT_EQ(drift.start().job_id(), "s1.1");
  EXPECT_EQ(drift.start().throughput(), 200);
  EXPECT_EQ(drift.start().verdict(), v1::VERDICT_VALID);
  EXPECT_EQ(drift.end().job_id(), "s1.3");
  EXPECT_EQ(drift.end().outcome(), v1::OUTCOME_UNSPECIFIED);
  EXPECT_FALSE(drift.has_share());
  Complete(agent, Next());
  Restart();  // in memory there is only what is stored
  Attach(agent);
  CompleteWith(Next(), 45, 0.04);
  drift = OnlyDrift(ended.at(0));
  EXPECT_DOUBLE_EQ(drift.share(), -0.1);
  EXPECT_NEAR(drift.half_width(), 0.045, 1e-12);
  EXPECT_EQ(drift.agent_name(), "one");
  EXPECT_EQ(drift.end().outcome(), v1::OUTCOME_COMPLETED);
}

TEST_F(Controls, NoControlMeansNone) {
  v1::SweepSpec spec = ControlledSpec({2});
  spec.set_control(false);
  Submit(spec);
  EXPECT_EQ(memory.jobs.size(), 1u);
  EXPECT_EQ(coordinator->Status(1, now)->drift_size(), 0);
}

TEST_F(Controls, RunFirstAndLastOnEachDevice) {
  Peer two = Enrol("two", {Cpu("CPU-2"), Gpu("GPU-2")});
  v1::SweepSpec spec = ControlledSpec({2});
  spec.mutable_devices()->set_kind(v1::DEVICE_KIND_CPU);
  Submit(spec);
  Attach(two);
  EXPECT_THAT(CompleteAll(two), ElementsAre("s1.4.1", "s1.5.1", "s1.6.1"));
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_RUNNING);
  EXPECT_THAT(CompleteAll(agent), ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
  EXPECT_EQ(ended.at(0).drift_size(), 2);
}

TEST_F(Controls, KindOfDeviceIsKnownOnlyWhenTheFirstComes) {
  Detach(agent);
  Submit(ControlledSpec({2}));
  EXPECT_TRUE(memory.jobs.empty());
  Attach(agent);
  EXPECT_EQ(Next().cell().batch_size(), ControlCell(Spec({2}), v1::DEVICE_KIND_CPU).batch_size());
  Restart();
  EXPECT_EQ(Job(1, 1).cell.batch_size(), Job(1, 3).cell.batch_size());
}

TEST_F(Controls, OutOfMemoryPrunesNoControlAndAControlPrunesNothing) {
  v1::SweepSpec spec = ControlledSpec({2, 4, 64});
  spec.add_image_sizes(224);
  Submit(spec);
  SayFinished(agent, Next(), v1::OUTCOME_OUT_OF_MEMORY, 0);  // the control cell, of batch size 4
  EXPECT_EQ(Job(1, 4).state, v1::JOB_STATE_QUEUED) << "the same series, but a larger batch size";
  spec.set_name("again");
  Complete(agent, Next());
  Complete(agent, Next());
  SayFinished(agent, Next(), v1::OUTCOME_OUT_OF_MEMORY, 0);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);

  Submit(spec);
  Complete(agent, Next());
  SayFinished(agent, Next(), v1::OUTCOME_OUT_OF_MEMORY, 0);  // batch size 2
  EXPECT_EQ(Job(2, 3).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_EQ(Job(2, 4).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_EQ(Job(2, 5).state, v1::JOB_STATE_ASSIGNED) << "the control cell at the end, of batch size 4";
  Complete(agent, Next());
  EXPECT_EQ(memory.sweeps.at(2).state, v1::SWEEP_STATE_COMPLETED);
  EXPECT_DOUBLE_EQ(OnlyDrift(ended.at(1)).share(), 0);
}

TEST_F(Controls, FailingOneIsNotedAndFailsNothing) {
  Submit(ControlledSpec({2}));
  for (int i = 0; i < 2; ++i) SayFinished(agent, Next(), v1::OUTCOME_FAILED, 0);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_FAILED);
  EXPECT_EQ(Job(1, 3).outcome, v1::OUTCOME_SKIPPED) << "there is nothing to compare with";
  EXPECT_THAT(Job(1, 3).reason, HasSubstr("s1.1"));
  Complete(agent, Next());
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].state(), v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(ended[0].counts().failed(), 0u);
  EXPECT_EQ(ended[0].counts().skipped(), 0u);
  const v1::Drift drift = OnlyDrift(ended[0]);
  EXPECT_EQ(drift.start().outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(drift.start().reason(), "it did not work");
  EXPECT_FALSE(drift.has_share());
  EXPECT_EQ(Retry()->queued_jobs(), 0u) << "nothing that measures has failed";
  EXPECT_FALSE(coordinator->IsLive(1));
}

TEST_F(Controls, RetryTakesControlsWithoutAResultAlong) {
  Submit(ControlledSpec({2}));
  for (int i = 0; i < 2; ++i) SayFinished(agent, Next(), v1::OUTCOME_FAILED, 0);  // at the start
  for (int i = 0; i < 2; ++i) SayFinished(agent, Next(), v1::OUTCOME_FAILED, 0);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(Retry()->queued_jobs(), 1u) << "controls are not counted";
  EXPECT_THAT(CompleteAll(agent), ElementsAre("s1.1.3", "s1.2.3", "s1.3.1"));
  EXPECT_DOUBLE_EQ(OnlyDrift(ended.back()).share(), 0);
}

TEST_F(Controls, RetryKeepsWhatControlsHaveMeasured) {
  Submit(ControlledSpec({2}));
  CompleteWith(Next(), 50, 0.03);
  for (int i = 0; i < 2; ++i) SayFinished(agent, Next(), v1::OUTCOME_FAILED, 0);
  CompleteWith(Next(), 45, 0.04);
  EXPECT_EQ(ended.back().counts().failed(), 1u);
  EXPECT_EQ(Retry()->queued_jobs(), 1u);
  EXPECT_DOUBLE_EQ(OnlyDrift(*coordinator->Status(1, now)).share(), -0.1);
  EXPECT_THAT(CompleteAll(agent), ElementsAre("s1.2.3"));
  EXPECT_DOUBLE_EQ(OnlyDrift(ended.back()).share(), -0.1);
}

TEST_F(Controls, CancelEndsThemAndCountsWhatMeasures) {
  Submit(ControlledSpec({2, 4}));
  SayStarted(agent, Next());
  const auto response = coordinator->CancelSweep(1, now, effects);
  Commit();
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->cancelled_jobs(), 2u);
  for (const std::int64_t job : {1, 2, 3, 4}) EXPECT_EQ(Job(1, job).outcome, v1::OUTCOME_CANCELLED) << job;
  EXPECT_EQ(ended.at(0).counts().cancelled(), 2u);
}

TEST_F(Controls, MachineThatHasLeftDoesNotKeepTheSweepFromItsEnd) {
  Submit(ControlledSpec({2}));
  Complete(agent, Next());
  Complete(agent, Next());
  Detach(agent);
  Pass(settings.lost_after_seconds - 2);
  EXPECT_EQ(Job(1, 3).state, v1::JOB_STATE_ASSIGNED) << "it may come back";
  Pass(4);
  EXPECT_EQ(Job(1, 3).outcome, v1::OUTCOME_LOST);
  EXPECT_THAT(Job(1, 3).reason, HasSubstr("left"));
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(ended.at(0).counts().failed(), 0u);
}

TEST_F(Controls, DrainedMachineLeavesItsLastOneOut) {
  Submit(ControlledSpec({2}));
  Complete(agent, Next());
  const v1::Assign assign = Next();
  v1::AgentMessage message;
  message.mutable_heartbeat()->set_draining(true);
  Say(agent, message);
  Complete(agent, assign);
  Detach(agent, true);
  Restart();
  Pass(settings.lost_after_seconds - 2);
  EXPECT_EQ(Job(1, 3).state, v1::JOB_STATE_QUEUED) << "every timer begins anew with a restart";
  Pass(4);
  EXPECT_EQ(Job(1, 3).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
}

TEST_F(Controls, LostMachineWithSomethingToMeasureIsWaitedFor) {
  Submit(ControlledSpec({2}));
  Complete(agent, Next());
  Detach(agent);
  Pass(3 * settings.lost_after_seconds);
  EXPECT_EQ(Job(1, 3).state, v1::JOB_STATE_QUEUED);
  Attach(agent);
  EXPECT_THAT(CompleteAll(agent), ElementsAre("s1.2.1", "s1.3.1"));
}

TEST_F(Controls, TrainerWithoutTheirModelSkipsThem) {
  agent.models = {"resnet50"};
  Attach(agent);
  EXPECT_EQ(Submit(ControlledSpec({2}, {"resnet50"})).jobs(), 1u);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_EQ(Job(1, 3).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_THAT(CompleteAll(agent), ElementsAre("s1.2.1"));
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
}

TEST_F(Controls, DoNotCountInTheTimeLeft) {
  Submit(ControlledSpec({2, 4, 8}));
  const v1::Assign start = Next();
  now.unix += 100;
  Complete(agent, start);
  EXPECT_FALSE(coordinator->Status(1, now)->has_eta_seconds());
  const v1::Assign first = Next();
  now.unix += 10;
  Complete(agent, first);
  EXPECT_DOUBLE_EQ(coordinator->Status(1, now)->eta_seconds(), 20);
}

TEST_F(Controls, SweepOfAnEarlierVersionGoesOnWithoutThem) {
  Submit(Spec({2, 4}));
  Complete(agent, Next());
  memory.sweeps.at(1).spec.clear_control();  // as it was stored before there were control cells
  Restart();
  Attach(agent);
  EXPECT_THAT(CompleteAll(agent), ElementsAre("s1.2.1"));
  EXPECT_EQ(memory.jobs.size(), 2u);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
}

}  // namespace
}  // namespace rsg::schedule
