#include "coordinator/schedule/plan.hpp"

#include <gmock/gmock.h>

#include "common/cells.hpp"
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

TEST(Plan, ScriptsComeAfterModelsAndADeclaredShapeHasOneSize) {
  v1::SweepSpec spec = WithDefaults(ControlledSpec({8}));
  spec.add_image_sizes(32);
  spec.add_image_sizes(64);
  const auto add = [&spec](const char* name, std::initializer_list<std::uint32_t> shape) {
    v1::Script& script = *spec.add_scripts();
    script.set_name(name);
    script.set_sha256(std::string(64, name[0]));
    script.mutable_sample_shape()->Add(shape.begin(), shape.end());
  };
  add("a", {});
  add("b", {1, 28, 28});
  const auto plan = PlanCells(spec);
  ASSERT_TRUE(plan.ok());
  std::vector<std::string> cells;
  for (const PlannedCell& planned : *plan)
    cells.push_back(planned.cell.model() + " " + std::to_string(planned.cell.image_size()));
  EXPECT_THAT(cells, ElementsAre("resnet18 32", "resnet18 64", "script:a 32", "script:a 64", "script:b 28"));
  EXPECT_FALSE(plan->front().cell.has_script());
  EXPECT_EQ(plan->back().cell.script().sha256(), std::string(64, 'b'));
  EXPECT_FALSE(SameSeries((*plan)[2].cell, (*plan)[4].cell));
}

TEST(Plan, AnyTrainerCanRunAScriptThatItsDeviceCan) {
  v1::Cell cell;
  cell.set_model("script:a");
  cell.mutable_script()->set_name("a");
  cell.set_precision(v1::PRECISION_FP32);
  v1::Device device;
  device.add_precisions(v1::PRECISION_FP32);
  EXPECT_EQ(WhyNot(cell, device, {}), "");
  cell.set_precision(v1::PRECISION_FP16);
  EXPECT_NE(WhyNot(cell, device, {}), "");
}

}  // namespace
}  // namespace rsg::schedule
