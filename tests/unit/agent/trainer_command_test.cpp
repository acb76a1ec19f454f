#include "agent/job/trainer_command.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace rsg::agent {
namespace {

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

TEST(TrainerArguments, LetTheTrainerRememberInTheAgentsState) {
  EXPECT_EQ(After(TrainerArguments(Job(v1::MODE_STANDARD), Gpu(), "/state"), "--probe-cache"), "/state/probes.json");
}

}  // namespace
}  // namespace rsg::agent
