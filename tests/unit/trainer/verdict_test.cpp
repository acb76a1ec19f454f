#include "agent/trainer/telemetry/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Result Known() {
  v1::Result result;
  result.set_throughput(100);
  result.set_ci_low(99);
  result.set_ci_high(101);
  return result;
}

v1::Result Healthy() {
  v1::Result result = Known();
  result.mutable_telemetry()->set_readings(60);
  result.mutable_telemetry()->set_sm_clock_mhz(1905);
  result.mutable_telemetry()->set_temperature_celsius(61);
  result.mutable_telemetry()->set_power_cap_share(0);
  result.mutable_telemetry()->set_thermal_share(0);
  result.mutable_telemetry()->set_hardware_share(0);
  result.mutable_device_limits()->set_power_limit_watts(350);
  result.mutable_device_limits()->set_default_power_limit_watts(350);
  result.mutable_device_limits()->set_max_sm_clock_mhz(1980);
  return result;
}

Judgement Steady(const v1::Result& result) { return Judge(result, {}); }

Judgement Unsteady(const v1::Result& result, const std::string& why) {
  return Judge(result, {.steady = false, .unsteadiness = why});
}

TEST(Verdict, AHealthyCardIsValid) {
  const Judgement judgement = Steady(Healthy());
  EXPECT_EQ(judgement.verdict, v1::VERDICT_VALID);
  EXPECT_EQ(judgement.evidence, "SM clock 1905 of 1980 MHz, 61 °C");
}

TEST(Verdict, ACardAtItsDefaultLimitIsValidWithTheShareNoted) {
  v1::Result result = Healthy();
  result.mutable_telemetry()->set_power_cap_share(0.72);
  const Judgement judgement = Steady(result);
  EXPECT_EQ(judgement.verdict, v1::VERDICT_VALID);
  EXPECT_EQ(judgement.evidence,
            "SM clock 1905 of 1980 MHz, 61 °C, at its default power limit of 350 W 72 % of the time");
}

TEST(Verdict, ANumberThatIsHardlyKnownIsUnstable) {
  v1::Result result = Healthy();
  result.set_ci_low(95);
  result.set_ci_high(115);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_VALID);
  result.set_ci_high(115.1);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_UNSTABLE) << "over ± 10 %, as it is shown";
  result.set_ci_high(177);
  EXPECT_EQ(Steady(result).evidence, "known to within 41 % only; measure longer");
  result.mutable_device_limits()->set_power_limit_watts(200);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_POWER_LIMITED) << "the cause comes first";
  EXPECT_THAT(Steady(result).evidence, HasSubstr("; also known to within 41 % only"));
}

TEST(Verdict, ANumberWithoutAnIntervalIsUnstable) {
  v1::Result result = Healthy();
  result.clear_ci_low();
  result.clear_ci_high();
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_UNSTABLE);
  EXPECT_EQ(Steady(result).evidence, "no interval: too few windows, or they differ too much; measure longer");
  result.mutable_telemetry()->set_thermal_share(0.58);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_THROTTLED) << "the cause comes first";
}

TEST(Verdict, ALimitAtNineTenthsIsValidAndUnderItIsNot) {
  v1::Result result = Healthy();
  result.mutable_device_limits()->set_power_limit_watts(315);
  result.mutable_telemetry()->set_power_cap_share(1);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_VALID);
  EXPECT_THAT(Steady(result).evidence, HasSubstr("at its power limit of 315 W 100 % of the time"));
  result.mutable_device_limits()->set_power_limit_watts(314);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_POWER_LIMITED);
  EXPECT_EQ(Steady(result).evidence,
            "power limit 314 W, 90 % of the card's default of 350 W, reached 100 % of the time");
}

TEST(Verdict, ALimitWithoutADefaultBesideItTellsNothing) {
  v1::Result result = Healthy();
  result.mutable_device_limits()->set_power_limit_watts(100);
  result.mutable_device_limits()->clear_default_power_limit_watts();
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_VALID);
}

TEST(Verdict, ThermalSlowdownThrottles) {
  v1::Result result = Healthy();
  result.mutable_telemetry()->set_thermal_share(0.58);
  result.mutable_telemetry()->set_sm_clock_mhz(1350);
  const Judgement judgement = Steady(result);
  EXPECT_EQ(judgement.verdict, v1::VERDICT_THROTTLED);
  EXPECT_EQ(judgement.evidence, "58 % of the time under thermal slowdown, SM clock 1350 of 1980 MHz");
}

TEST(Verdict, HardwareSlowdownThrottles) {
  v1::Result result = Healthy();
  result.mutable_telemetry()->set_hardware_share(0.05);
  result.mutable_device_limits()->clear_max_sm_clock_mhz();
  const Judgement judgement = Steady(result);
  EXPECT_EQ(judgement.verdict, v1::VERDICT_THROTTLED);
  EXPECT_EQ(judgement.evidence, "5 % of the time under hardware slowdown or power brake, SM clock 1905 MHz");
}

TEST(Verdict, ASingleReadingOfThirtyIsNotedAndNoVerdict) {
  v1::Result result = Healthy();
  result.mutable_telemetry()->set_hardware_share(1.0 / 30);
  result.mutable_telemetry()->set_thermal_share(0.002);
  const Judgement judgement = Steady(result);
  EXPECT_EQ(judgement.verdict, v1::VERDICT_VALID);
  EXPECT_THAT(judgement.evidence, HasSubstr("under 1 % of the time under thermal slowdown, "
                                            "3 % of the time under hardware slowdown or power brake"));
}

TEST(Verdict, ADrainedQueueIsHostBoundFromHalfOn) {
  v1::Result result = Healthy();
  result.set_drained_share(0.49);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_VALID);
  result.set_drained_share(0.5);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_HOST_BOUND);
  EXPECT_EQ(Steady(result).evidence, "50 % of the looks at the device found it out of work");
}

TEST(Verdict, ASeriesThatIsNotSteadyIsUnstableForItsReason) {
  const Judgement judgement = Unsteady(Healthy(), "throughput fell by 4 % in the second half");
  EXPECT_EQ(judgement.verdict, v1::VERDICT_UNSTABLE);
  EXPECT_EQ(judgement.evidence, "throughput fell by 4 % in the second half");
  EXPECT_EQ(Unsteady(Healthy(), "").evidence, "never became steady");
}

TEST(Verdict, CausesComeBeforeWhatTheyBringAboutAndNothingIsLeftOut) {
  v1::Result result = Healthy();
  result.mutable_device_limits()->set_power_limit_watts(200);
  EXPECT_EQ(Unsteady(result, "it drifts").verdict, v1::VERDICT_UNSTABLE);
  result.set_drained_share(0.9);
  EXPECT_EQ(Unsteady(result, "it drifts").verdict, v1::VERDICT_HOST_BOUND);
  result.mutable_telemetry()->set_thermal_share(0.3);
  const Judgement judgement = Unsteady(result, "it drifts");
  EXPECT_EQ(judgement.verdict, v1::VERDICT_THROTTLED);
  EXPECT_EQ(judgement.evidence,
            "30 % of the time under thermal slowdown, SM clock 1905 of 1980 MHz; "
            "also 90 % of the looks at the device found it out of work; also it drifts; "
            "also power limit 200 W, 57 % of the card's default of 350 W");
}

TEST(Verdict, ACpuIsJudgedByWhatItHas) {
  v1::Result result = Known();
  result.mutable_telemetry()->set_readings(5);
  result.mutable_telemetry()->set_cpu_mhz(2300);
  result.mutable_telemetry()->set_cpu_load(0.514);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_VALID);
  EXPECT_EQ(Steady(result).evidence, "CPU 2300 MHz, load 51 %");
}

TEST(Verdict, ACpuThatOthersUseIsContendedFromATenthOn) {
  v1::Result result = Known();
  result.mutable_telemetry()->set_readings(5);
  result.mutable_telemetry()->set_cpu_mhz(2300);
  result.mutable_telemetry()->set_cpu_wait_share(0.049);
  const auto judge = [&result] { return Judge(result, {.on_cpu = true}); };
  EXPECT_EQ(judge().evidence, "CPU 2300 MHz");
  result.mutable_telemetry()->set_cpu_wait_share(0.099);
  EXPECT_EQ(judge().verdict, v1::VERDICT_VALID);
  EXPECT_EQ(judge().evidence, "CPU 2300 MHz, waited 10 % of the time for a CPU");
  result.mutable_telemetry()->set_cpu_wait_share(0.47);
  EXPECT_EQ(judge().verdict, v1::VERDICT_CONTENDED);
  EXPECT_EQ(judge().evidence,
            "waited 47 % of the time for a CPU, which others used, or a quota of the container kept from it");
  EXPECT_EQ(Judge(result, {.on_cpu = true, .steady = false, .unsteadiness = "it drifts"}).verdict,
            v1::VERDICT_CONTENDED)
      << "the cause comes first";
}

TEST(Verdict, AGpuWhoseHostWaitsForCpusIsHostBoundOnlyWhereItRunsOutOfWork) {
  v1::Result result = Healthy();
  result.mutable_telemetry()->set_cpu_wait_share(0.47);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_VALID);
  EXPECT_EQ(Steady(result).evidence, "SM clock 1905 of 1980 MHz, 61 °C, waited 47 % of the time for a CPU");
  result.set_drained_share(0.5);
  EXPECT_EQ(Steady(result).verdict, v1::VERDICT_HOST_BOUND);
  EXPECT_EQ(Steady(result).evidence,
            "50 % of the looks at the device found it out of work, waited 47 % of the time for a CPU");
}

TEST(Verdict, WhatCouldNotBeReadIsSaid) {
  EXPECT_EQ(Steady(Known()).verdict, v1::VERDICT_VALID);
  EXPECT_EQ(Steady(Known()).evidence, "nothing could be read of the machine's state");
  v1::Result result = Healthy();
  result.mutable_telemetry()->clear_thermal_share();
  result.mutable_telemetry()->clear_hardware_share();
  EXPECT_EQ(Steady(result).evidence, "SM clock 1905 of 1980 MHz, 61 °C, whether it was throttled cannot be read");
  EXPECT_THAT(Steady(Healthy()).evidence, Not(HasSubstr("cannot be read")));
}

}  // namespace
}  // namespace rsg::trainer
