#include "agent/trainer/measure/health.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::Result Filled(double loss, const SkippedSteps& skipped = {}) {
  v1::Result result;
  result.set_verdict(v1::VERDICT_VALID);
  result.set_evidence("load 98 %");
  FillHealth(loss, skipped, &result);
  EXPECT_EQ(result.verdict(), v1::VERDICT_VALID);
  return result;
}

TEST(Health, AFiniteLossIsTakenAndNothingIsSaid) {
  const v1::Result result = Filled(6.9);
  EXPECT_EQ(result.final_loss(), 6.9);
  EXPECT_EQ(result.evidence(), "load 98 %");
}

TEST(Health, StepsSkippedWhileTheScaleIsFoundAreOrdinary) {
  EXPECT_EQ(Filled(6.9, {.at_least = 2, .newest = false}).evidence(), "load 98 %");
}

TEST(Health, ALossThatIsNotFiniteIsSaidBesideTheVerdict) {
  for (const double loss : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const v1::Result result = Filled(loss);
    EXPECT_FALSE(result.has_final_loss());
    EXPECT_THAT(result.evidence(), StartsWith("load 98 %; the loss is not finite at the end: the throughput stands"));
  }
  v1::Result bare;
  FillHealth(std::numeric_limits<double>::quiet_NaN(), {}, &bare);
  EXPECT_THAT(bare.evidence(), StartsWith("the loss is not finite"));
}

TEST(Health, AScalerThatSkipsAtTheEndIsSaid) {
  const v1::Result result = Filled(6.9, {.at_least = 37, .newest = true});
  EXPECT_EQ(result.final_loss(), 6.9);
  EXPECT_THAT(result.evidence(), HasSubstr("; the loss scaler skipped the newest step, one of 37 or more, for"));
  EXPECT_THAT(Filled(std::numeric_limits<double>::quiet_NaN(), {.at_least = 5, .newest = true}).evidence(),
              HasSubstr("the loss is not finite at the end and the loss scaler skipped the newest step"));
}

}  // namespace
}  // namespace rsg::trainer
