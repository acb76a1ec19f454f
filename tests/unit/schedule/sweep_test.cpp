// Sweeps: which devices they go to, what is refused, who may join.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;

class Sweeps : public World {
 protected:
  std::string Refusal(const v1::SweepSpec& spec) {
    const auto response = TrySubmit(spec);
    EXPECT_TRUE(absl::IsInvalidArgument(response.status()));
    EXPECT_TRUE(memory.sweeps.empty());
    return std::string(response.status().message());
  }
};

TEST_F(Sweeps, WithoutAMachineIsQueuedAndSaysSo) {
  const auto response = Submit(Spec({2}));
  EXPECT_EQ(response.sweep_id(), "s1");
  EXPECT_EQ(response.jobs(), 0u);
  ASSERT_EQ(response.notes_size(), 1);
  EXPECT_THAT(response.notes(0), HasSubstr("no machine attached"));
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_QUEUED);
  Restart();
  Peer agent = Attached("late", {Cpu("CPU-1")});
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_RUNNING);
  EXPECT_EQ(memory.sweeps.at(1).device_kind, v1::DEVICE_KIND_CPU);
  EXPECT_TRUE(TakeAssign(agent));
}

TEST_F(Sweeps, WhatNoDeviceOffersIsRefused) {
  Peer agent = Attached("one", {Cpu("CPU-1")});
  v1::SweepSpec spec = Spec({2});
  spec.add_precisions(v1::PRECISION_FP32);
  spec.add_precisions(v1::PRECISION_FP16);
  EXPECT_THAT(Refusal(spec), testing::AllOf(HasSubstr("precision: fp16"), HasSubstr("bf16")));
  agent.models = {"resnet50"};
  Attach(agent);
  EXPECT_THAT(Refusal(Spec({2})), testing::AllOf(HasSubstr("resnet18"), HasSubstr("resnet50")));
  EXPECT_THAT(Refusal(Spec({0})), HasSubstr("batch_size"));
  EXPECT_THAT(Refusal(Spec({2}, {"resnet51"})), HasSubstr("resnet51"));
}

TEST_F(Sweeps, DeviceThatLacksAPrecisionSkipsItsJobs) {
  v1::Device old = Gpu("GPU-2", "NVIDIA GeForce GTX 1080 Ti");
  old.clear_precisions();
  old.add_precisions(v1::PRECISION_FP32);
  Peer one = Attached("one", {Gpu("GPU-1")});
  Peer two = Attached("two", {old});
  v1::SweepSpec spec = Spec({2});
  spec.add_precisions(v1::PRECISION_FP32);
  spec.add_precisions(v1::PRECISION_BF16);
  const auto response = Submit(spec);
  EXPECT_EQ(response.jobs(), 3u);
  EXPECT_THAT(response.notes(0), HasSubstr("two"));
  EXPECT_EQ(Job(1, 4).outcome, v1::OUTCOME_SKIPPED);
  EXPECT_THAT(Job(1, 4).reason, HasSubstr("lacks bf16"));
}

TEST_F(Sweeps, GoToGpusUnlessThereIsNone) {
  Peer gpu = Attached("gpu", {Gpu("GPU-1"), Cpu("CPU-1")});
  Peer cpu = Attached("cpu", {Cpu("CPU-2")});
  EXPECT_EQ(Submit(Spec({2})).jobs(), 1u);
  EXPECT_EQ(TakeAssign(gpu)->device_id(), "GPU-1");
  v1::SweepSpec spec = Spec({2});
  spec.mutable_devices()->set_kind(v1::DEVICE_KIND_CPU);
  EXPECT_EQ(Submit(spec).jobs(), 2u);
  EXPECT_EQ(TakeAssign(cpu)->device_id(), "CPU-2");
}

TEST_F(Sweeps, SelectByNameAndAgent) {
  Attached("one", {Gpu("GPU-1")});
  Attached("two", {Gpu("GPU-2", "NVIDIA A100-SXM4-80GB")});
  v1::SweepSpec spec = Spec({2});
  spec.mutable_devices()->set_gpu("a100");
  EXPECT_EQ(Submit(spec).jobs(), 1u);
  EXPECT_EQ(Job(1, 1).device_id, "GPU-2");
  spec = Spec({2});
  spec.mutable_devices()->add_agents("one");
  Submit(spec);
  EXPECT_EQ(Job(2, 1).device_id, "GPU-1");
  spec.mutable_devices()->set_gpu("T4");
  const auto response = Submit(spec);
  EXPECT_EQ(response.jobs(), 0u);
  EXPECT_THAT(response.notes(0), HasSubstr("no attached machine matches"));
}

TEST_F(Sweeps, TakeSoManyMachinesOfADeviceName) {
  Peer one = Attached("one", {Gpu("GPU-1"), Gpu("GPU-2")});
  Attached("two", {Gpu("GPU-3")});
  Attached("three", {Gpu("GPU-4", "NVIDIA T4")});
  v1::SweepSpec spec = Spec({2});
  spec.mutable_devices()->set_machines(1);
  EXPECT_EQ(Submit(spec).jobs(), 3u) << "both GPUs of the first machine, and another name";
  Attached("four", {Gpu("GPU-5")});
  EXPECT_EQ(memory.jobs.size(), 3u) << "full";
  Attached("five", {Gpu("GPU-6", "NVIDIA A100")});
  EXPECT_EQ(memory.jobs.size(), 4u);
  Restart();
  Attached("six", {Gpu("GPU-7", "NVIDIA A100")});
  EXPECT_EQ(memory.jobs.size(), 4u) << "still full after a restart";
}

TEST_F(Sweeps, MachineWithTwoDevicesWorksOnThemInStep) {
  Peer agent = Attached("one", {Gpu("GPU-1"), Gpu("GPU-2")});
  Submit(Spec({2, 4}));
  std::vector<std::string> order;
  while (auto assign = TakeAssign(agent)) {
    order.push_back(assign->device_id() + ":" + std::to_string(assign->cell().batch_size()));
    Complete(agent, *assign);
  }
  EXPECT_THAT(order, testing::ElementsAre("GPU-1:2", "GPU-2:2", "GPU-1:4", "GPU-2:4"));
}

TEST_F(Sweeps, ADriverWithoutAGpuIsNotedWhereTheSweepGoesToCpus) {
  Peer one = Enrol("one", {Cpu("CPU-1")});
  one.driver_version = std::string(200, '5');
  Attach(one);
  const auto response = Submit(Spec({2}));
  ASSERT_EQ(response.notes_size(), 1);
  EXPECT_THAT(response.notes(0), HasSubstr("agent one has an NVIDIA driver (555"));
  EXPECT_LT(response.notes(0).size(), 200u);
  v1::SweepSpec spec = Spec({2});
  spec.mutable_devices()->set_kind(v1::DEVICE_KIND_CPU);
  EXPECT_EQ(Submit(spec).notes_size(), 0) << "as it was asked for";
  Peer two = Enrol("two", {Gpu("GPU-1"), Cpu("CPU-2")});
  two.driver_version = "580.65.06";
  Attach(two);
  EXPECT_EQ(Submit(Spec({2})).notes_size(), 0) << "it goes to the GPU";
}

TEST_F(Sweeps, OpenForKeepsASweepOpenForNewcomers) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  v1::SweepSpec spec = Spec({2});
  spec.mutable_devices()->set_open_for_seconds(100);
  Submit(spec);
  Complete(one, *TakeAssign(one));
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_RUNNING);
  Pass(50);
  Peer two = Attached("two", {Cpu("CPU-2")});
  Complete(two, *TakeAssign(two));
  Pass(51);
  EXPECT_EQ(memory.sweeps.at(1).state, v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(ended.at(0).counts().completed(), 2u);
}

TEST_F(Sweeps, ClosedForNewcomersWhenOpenForIsOver) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  v1::SweepSpec spec = Spec({2});
  spec.mutable_devices()->set_open_for_seconds(10);
  Submit(spec);
  Pass(11);
  Peer two = Attached("two", {Cpu("CPU-2")});
  EXPECT_FALSE(TakeAssign(two));
}

TEST_F(Sweeps, DeviceThatComesBackKeepsItsFinishedJobs) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  Submit(Spec({2, 4}));
  Complete(one, *TakeAssign(one));
  Detach(one);
  NewProcess(one);
  Attach(one);
  EXPECT_EQ(memory.jobs.size(), 2u);
  EXPECT_EQ(TakeAssign(one)->cell().batch_size(), 4u);
}

TEST_F(Sweeps, RepeatedRequestReturnsTheFirstSweep) {
  Peer one = Attached("one", {Cpu("CPU-1")});
  v1::SubmitSweepRequest request;
  *request.mutable_spec() = Spec({2});
  request.set_request_id("once");
  for (int i = 0; i < 3; ++i) {
    const auto response = coordinator->SubmitSweep(request, now, effects);
    Commit();
    ASSERT_TRUE(response.ok());
    EXPECT_EQ(response->sweep_id(), "s1");
    EXPECT_EQ(response->jobs(), 1u);
    if (i == 1) Restart();
  }
  EXPECT_EQ(memory.sweeps.size(), 1u);
}

TEST_F(Sweeps, DryRunCountsAndQueuesNothing) {
  Attached("one", {Cpu("CPU-1")});
  const auto response = TrySubmit(Spec({2, 4, 8}), true);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->cells(), 3u);
  EXPECT_EQ(response->jobs(), 3u);
  EXPECT_EQ(response->sweep_id(), "");
  EXPECT_TRUE(memory.sweeps.empty());
}

TEST_F(Sweeps, AgentThatInventsDevicesIsCutOff) {
  Submit(Spec({2}));
  Peer one = Enrol("one", {});
  for (int i = 0; i < 10; ++i) {
    one.devices.clear();
    for (int j = 0; j < 32; ++j) one.devices.push_back(Cpu("CPU-" + std::to_string(100 * i + j)));
    Attach(one);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(ClosedWith(one.session)));
  EXPECT_LE(memory.jobs.size(), 64u);
}

}  // namespace
}  // namespace rsg::schedule
