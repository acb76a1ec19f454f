#include "coordinator/schedule/plan.hpp"

#include <gmock/gmock.h>

#include "coordinator/schedule/records.hpp"
#include "coordinator/schedule/settings.hpp"
#include "coordinator/schedule/text.hpp"
#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Ids, AreReadBackAndNothingElseIs) {
  EXPECT_EQ(Id(AttemptKey{.job = {.sweep = 3, .job = 14}, .attempt = 2}), "s3.14.2");
  const AttemptKey key{.job = {.sweep = 3, .job = 14}, .attempt = 2};
  EXPECT_EQ(ParseAttemptId("s3.14.2"), key);
  EXPECT_EQ(ParseSweepId("s12"), 12);
  for (const char* wrong : {"", "s", "s0", "s-1", "s03", "s1.2", "3", "s1 ", "s99999999999999999999"})
    EXPECT_FALSE(ParseSweepId(wrong)) << wrong;
  EXPECT_EQ(ParseJobId("s3.14"), (JobKey{.sweep = 3, .job = 14}));
  for (const char* wrong : {"", "s1", "s1.", "s1.0", "s1.2.3", "1.2"}) EXPECT_FALSE(ParseJobId(wrong)) << wrong;
  for (const char* wrong : {"s1", "s1.2", "s1.2.0", "s1.2.3.4", "s1..3", "s1.2.x"})
    EXPECT_FALSE(ParseAttemptId(wrong)) << wrong;
}

TEST(Plan, DefaultsArePyTorchsAndATargetOfHalfAPercent) {
  const v1::SweepSpec spec = WithDefaults(ControlledSpec({8, 4}));
  EXPECT_THAT(spec.precisions(), ElementsAre(v1::PRECISION_FP32));
  EXPECT_THAT(spec.memory_formats(), ElementsAre(v1::MEMORY_FORMAT_NCHW));
  EXPECT_EQ(spec.mode(), v1::MODE_STANDARD);
  EXPECT_EQ(spec.limits().target_half_width(), 0.005);
  EXPECT_FALSE(spec.limits().has_seconds());
  EXPECT_FALSE(spec.limits().has_n_batches());
  EXPECT_GT(spec.limits().max_seconds(), 30);
  EXPECT_EQ(spec.repeats(), 1u);
  EXPECT_TRUE(spec.control());
}

TEST(Plan, WhatIsAskedForStands) {
  v1::SweepSpec spec = Spec({8});
  spec.mutable_limits()->set_seconds(30);
  spec = WithDefaults(spec);
  EXPECT_EQ(spec.limits().seconds(), 30);
  EXPECT_GT(spec.limits().max_seconds(), 30);
  EXPECT_FALSE(spec.limits().has_target_half_width());
  EXPECT_FALSE(spec.control());
  spec = Spec({8});
  spec.mutable_limits()->set_n_batches(10);
  EXPECT_FALSE(WithDefaults(spec).limits().has_target_half_width());
  spec = Spec({8});
  spec.mutable_limits()->set_target_half_width(0.02);
  EXPECT_EQ(WithDefaults(spec).limits().target_half_width(), 0.02);
}

TEST(Plan, RunsRepeatByRepeatAndBatchSizesAscending) {
  v1::SweepSpec spec = Spec({8, 2, 4}, {"resnet50", "resnet18"});
  spec.set_repeats(2);
  const auto plan = PlanCells(WithDefaults(spec));
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->size(), 12u);
  std::vector<std::string> order;
  for (const PlannedCell& cell : *plan)
    order.push_back(std::to_string(cell.repeat) + cell.cell.model() + std::to_string(cell.cell.batch_size()));
  EXPECT_THAT(order, ElementsAre("1resnet502", "1resnet504", "1resnet508", "1resnet182", "1resnet184", "1resnet188",
                                 "2resnet502", "2resnet504", "2resnet508", "2resnet182", "2resnet184", "2resnet188"));
  EXPECT_EQ(plan->front().cell.image_size(), 224u) << "the model's own size";
}

TEST(Plan, RefusesWhatWouldTakeForEver) {
  v1::SweepSpec spec = Spec({});
  for (std::uint32_t i = 1; i <= 250; ++i) spec.add_batch_sizes(i);
  spec.set_repeats(100);
  const auto plan = PlanCells(WithDefaults(spec));
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("25000"));
}

TEST(Plan, SaysWhyADeviceCannotRunACell) {
  v1::Cell cell;
  cell.set_model("resnet18");
  cell.set_precision(v1::PRECISION_FP16);
  google::protobuf::RepeatedPtrField<std::string> models;
  *models.Add() = "resnet18";
  EXPECT_EQ(WhyNot(cell, Gpu("GPU-1"), models), "");
  EXPECT_THAT(WhyNot(cell, Cpu("CPU-1"), models), HasSubstr("lacks fp16"));
  cell.set_model("vgg19");
  EXPECT_THAT(WhyNot(cell, Gpu("GPU-1"), models), HasSubstr("vgg19"));
}

TEST(SettingsOf, AFleetAreChecked) {
  EXPECT_TRUE(Validate(Settings()).ok());
  Settings settings;
  settings.heartbeat_seconds = 25;
  EXPECT_THAT(std::string(Validate(settings).message()), HasSubstr("heartbeat"));
  settings = {};
  settings.lost_after_seconds = -1;
  EXPECT_THAT(std::string(Validate(settings).message()), HasSubstr("lost-after"));
  settings = {};
  settings.max_unacked = 0;
  EXPECT_FALSE(Validate(settings).ok());
}

TEST(Text, OfStrangersIsMadePrintable) {
  EXPECT_EQ(OneLine("a\x1b[31m\nb", 100), "a?[31m b");
  EXPECT_EQ(OneLine("h\xc3\xa9llo", 2), "h") << "cut at a character's border";
  EXPECT_TRUE(ContainsAnyCase("NVIDIA GeForce RTX 3090", "rtx 30"));
  EXPECT_FALSE(ContainsAnyCase("NVIDIA T4", "rtx"));
}

}  // namespace
}  // namespace rsg::schedule
