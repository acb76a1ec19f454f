#include "agent/job/trainer_command.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "agent/job/environment.hpp"

namespace rsg::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

v1::Assign Job(v1::Mode mode) {
  v1::Assign assign;
  assign.mutable_cell()->set_model("resnet50");
  assign.mutable_cell()->set_batch_size(64);
  assign.mutable_cell()->set_image_size(224);
  assign.mutable_cell()->set_precision(v1::PRECISION_FP16);
  assign.mutable_cell()->set_memory_format(v1::MEMORY_FORMAT_NHWC);
  assign.mutable_cell()->set_mode(mode);
  assign.mutable_limits()->set_seconds(30);
  assign.mutable_limits()->set_max_seconds(120);
  return assign;
}

v1::Device Gpu() {
  v1::Device device;
  device.set_kind(v1::DEVICE_KIND_GPU);
  device.set_ordinal(1);
  return device;
}

/// The value after `flag`; "" when it is not there.
std::string After(const std::vector<std::string>& arguments, const std::string& flag) {
  const auto found = std::find(arguments.begin(), arguments.end(), flag);
  return found == arguments.end() || found + 1 == arguments.end() ? "" : *(found + 1);
}

TEST(TrainerArguments, NameTheScriptsFileInPlaceOfAModel) {
  v1::Assign assign = Job(v1::MODE_STANDARD);
  assign.mutable_cell()->set_model("script:net");
  assign.mutable_cell()->mutable_script()->set_name("net");
  auto arguments = TrainerArguments(assign, Gpu(), "/state", "/state/scripts/abc");
  EXPECT_THAT(arguments, Not(Contains("--model")));
  EXPECT_EQ(After(arguments, "--script"), "/state/scripts/abc");
  EXPECT_EQ(After(arguments, "--name"), "net");
  EXPECT_EQ(After(arguments, "--size"), "224");
  for (const std::uint32_t number : {1, 28, 28}) assign.mutable_cell()->mutable_script()->add_sample_shape(number);
  arguments = TrainerArguments(assign, Gpu(), "/state", "/state/scripts/abc");
  EXPECT_THAT(arguments, Not(Contains("--size")));
  EXPECT_EQ(After(arguments, "--input-shape"), "1,28,28");
}

TEST(TrainerArguments, SayTheWholeCell) {
  const auto arguments = TrainerArguments(Job(v1::MODE_STANDARD), Gpu(), "/state");
  EXPECT_EQ(arguments.front(), "run");
  EXPECT_EQ(After(arguments, "--model"), "resnet50");
  EXPECT_EQ(After(arguments, "--bs"), "64");
  EXPECT_EQ(After(arguments, "--size"), "224");
  EXPECT_EQ(After(arguments, "--precision"), "fp16");
  EXPECT_EQ(After(arguments, "--memory-format"), "nhwc");
  EXPECT_EQ(After(arguments, "--device"), "cuda:1");
  EXPECT_EQ(After(arguments, "--seconds"), "30");
  EXPECT_EQ(After(arguments, "--n_batches"), "");
  EXPECT_EQ(After(arguments, "--max-seconds"), "120");
  EXPECT_EQ(After(arguments, "--json-lines"), "3");
}

TEST(TrainerArguments, SayTheMode) {
  EXPECT_EQ(After(TrainerArguments(Job(v1::MODE_STANDARD), Gpu(), "/state"), "--mode"), "standard");
  EXPECT_EQ(After(TrainerArguments(Job(v1::MODE_ORIGINAL), Gpu(), "/state"), "--mode"), "original");
  EXPECT_EQ(After(TrainerArguments(Job(v1::MODE_TUNED), Gpu(), "/state"), "--mode"), "tuned");
}

TEST(TrainerArguments, LeaveTheTargetOutWhereTheModeEndsByItsOwnRule) {
  for (const v1::Mode mode : {v1::MODE_STANDARD, v1::MODE_ORIGINAL}) {
    v1::Assign job = Job(mode);
    job.mutable_limits()->clear_seconds();
    job.mutable_limits()->set_target_half_width(0.005);
    EXPECT_EQ(After(TrainerArguments(job, Gpu(), "/state"), "--target"), mode == v1::MODE_ORIGINAL ? "" : "0.5");
  }
}

TEST(TrainerArguments, LetTheTrainerRememberInTheAgentsState) {
  EXPECT_EQ(After(TrainerArguments(Job(v1::MODE_STANDARD), Gpu(), "/state"), "--probe-cache"), "/state/probes.json");
}

TEST(ChildEnvironment, KeepsTheListAndNothingElse) {
  const char* const environment[] = {"PATH=/bin",
                                     "HOME=/root",
                                     "RSG_JOIN=secret",
                                     "WANDB_API_KEY=secret",
                                     "LC_ALL=C",
                                     "CUDA_HOME=/x",
                                     "CUDA_LAUNCH_BLOCKING=1",
                                     "NVIDIA_TF32_OVERRIDE=0",
                                     "NVIDIA_VISIBLE_DEVICES=all",
                                     "LD_LIBRARY_PATH=/lib",
                                     "LD_PRELOAD=/evil.so",
                                     "PATHOLOGY=no",
                                     "RSG_TORCH_DIR=/t",
                                     "RSG_NVML=/n",
                                     "PYTHONSTARTUP=/evil.py",
                                     "PYTHONPATH=/p",
                                     nullptr};
  EXPECT_THAT(ChildEnvironment(environment),
              ElementsAre("PATH=/bin", "HOME=/root", "LC_ALL=C", "CUDA_HOME=/x", "NVIDIA_VISIBLE_DEVICES=all",
                          "LD_LIBRARY_PATH=/lib", "RSG_TORCH_DIR=/t", "RSG_NVML=/n", "PYTHONPATH=/p"));
}

TEST(TrainerArguments, AGpuHasAThermalGateOfItsOwnAndACpuNone) {
  v1::Assign assign;
  assign.mutable_cell()->set_model("resnet18");
  v1::Device device;
  device.set_kind(v1::DEVICE_KIND_GPU);
  device.set_id("GPU-1");
  device.set_ordinal(2);
  const auto gpu = TrainerArguments(assign, device, "/state");
  const auto gate = std::find(gpu.begin(), gpu.end(), "--thermal-gate");
  ASSERT_NE(gate, gpu.end());
  EXPECT_EQ(*std::next(gate), "/state/thermal-GPU-1");
  EXPECT_THAT(gpu, Contains("cuda:2"));
  device.set_kind(v1::DEVICE_KIND_CPU);
  EXPECT_THAT(TrainerArguments(assign, device, "/state"), Not(Contains("--thermal-gate")));
}

}  // namespace
}  // namespace rsg::agent
