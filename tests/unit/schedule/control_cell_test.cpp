// Control cells and their drift, as values.
#include "coordinator/schedule/control.hpp"

#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

TEST(ControlCell, IsSmallAndAsLargeAsTheSweepsImages) {
  v1::SweepSpec spec = Spec({4096}, {"resnet50"});
  spec.add_precisions(v1::PRECISION_FP16);
  spec.add_memory_formats(v1::MEMORY_FORMAT_NHWC);
  spec.set_mode(v1::MODE_TUNED);
  const v1::Cell cell = ControlCell(spec, v1::DEVICE_KIND_GPU);
  EXPECT_EQ(cell.model(), "resnet18");
  EXPECT_EQ(cell.image_size(), 224u) << "the model's own";
  EXPECT_EQ(cell.precision(), v1::PRECISION_FP32) << "what every device can do";
  EXPECT_EQ(cell.memory_format(), v1::MEMORY_FORMAT_NCHW);
  EXPECT_EQ(cell.mode(), v1::MODE_STANDARD) << "the same whatever the sweep measures";
  EXPECT_LT(ControlCell(spec, v1::DEVICE_KIND_CPU).batch_size(), cell.batch_size());
  spec.add_image_sizes(64);
  spec.add_image_sizes(128);
  EXPECT_EQ(ControlCell(spec, v1::DEVICE_KIND_GPU).image_size(), 64u);
  spec.set_image_sizes(0, 1024);
  EXPECT_EQ(ControlCell(spec, v1::DEVICE_KIND_GPU).image_size(), 224u) << "not seconds a step";
}

TEST(ControlCell, IsNeverLongerThanACell) {
  v1::Limits limits;
  limits.set_max_seconds(180);
  limits.set_target_half_width(0.005);
  EXPECT_EQ(ControlLimits(limits).seconds(), 5);
  EXPECT_FALSE(ControlLimits(limits).has_target_half_width());
  EXPECT_EQ(ControlLimits(limits).max_seconds(), 60);
  limits.clear_target_half_width();
  limits.set_seconds(30);
  EXPECT_EQ(ControlLimits(limits).seconds(), 5);
  limits.set_seconds(0.5);
  limits.set_max_seconds(10);
  limits.set_memory_limit_mib(700);
  EXPECT_EQ(ControlLimits(limits).seconds(), 0.5);
  EXPECT_EQ(ControlLimits(limits).max_seconds(), 10);
  EXPECT_EQ(ControlLimits(limits).memory_limit_mib(), 700u);
}

v1::ControlPoint Point(double throughput, double half_width) {
  v1::ControlPoint point;
  point.set_throughput(throughput);
  if (half_width > 0) point.set_ci_low(throughput - half_width);
  if (half_width > 0) point.set_ci_high(throughput + half_width);
  return point;
}

TEST(Drift, IsTheQuotientAndItsErrorIsBothEnds) {
  v1::Drift drift;
  *drift.mutable_start() = Point(100, 3);
  SetShare(&drift);
  EXPECT_FALSE(drift.has_share()) << "no end yet";
  *drift.mutable_end() = Point(90, 3.6);
  SetShare(&drift);
  EXPECT_DOUBLE_EQ(drift.share(), -0.1);
  EXPECT_NEAR(drift.half_width(), 0.9 * 0.05, 1e-12) << "3 % and 4 % are 5 % together";
  *drift.mutable_end() = Point(120, 0);
  SetShare(&drift);
  EXPECT_DOUBLE_EQ(drift.share(), 0.2);
  EXPECT_FALSE(drift.has_half_width()) << "one interval alone says nothing";
}

}  // namespace
}  // namespace rsg::schedule
