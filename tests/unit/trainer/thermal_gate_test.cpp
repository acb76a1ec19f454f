#include "agent/trainer/telemetry/thermal_gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "agent/trainer/telemetry/soak.hpp"

namespace rsg::trainer {
namespace {

using State = ThermalGate::State;

struct Ended {
  State state;
  double seconds;
};

/// Feeds `celsius`, by seconds since the start, twice a second until the gate opens.
Ended WarmUp(ThermalGate* gate, double start, const std::function<double(double)>& celsius) {
  for (double t = 0; t < 1000; t += 0.5) {
    gate->Feed(start + t, celsius(t));
    const State state = gate->Check(start + t);
    if (state != State::kWarming) return {state, t};
  }
  return {State::kWarming, 1000};
}

/// From 30 towards 80 °C with a time constant in seconds, in whole degrees, as NVML gives them.
std::function<double(double)> Heating(double constant) {
  return [=](double t) { return std::floor(80 - 50 * std::exp(-t / constant)); };
}

TEST(ThermalGate, WarmsUntilTheTemperatureSettles) {
  ThermalGate gate(100, std::nullopt);
  const Ended ended = WarmUp(&gate, 100, Heating(20));
  EXPECT_EQ(ended.state, State::kSettled);
  // 50 exp(-t / 20) changes by half a degree in 20 s from t = 103 s on, 20 s of which have to pass; a degree's
  // rounding moves that.
  EXPECT_GT(ended.seconds, 75);
  EXPECT_LT(ended.seconds, 140);
  ASSERT_TRUE(gate.Remember());
  EXPECT_NEAR(*gate.Remember(), 79, 1);
}

TEST(ThermalGate, ADeviceThatIsSteadyAtOnceTakesTheTimeToSeeIt) {
  ThermalGate gate(0, std::nullopt);
  const Ended ended = WarmUp(&gate, 0, [](double) { return 45.0; });
  EXPECT_EQ(ended.state, State::kSettled);
  EXPECT_EQ(ended.seconds, kSettledSeconds);
}

TEST(ThermalGate, AFlickerBetweenTwoDegreesIsSettled) {
  ThermalGate gate(0, std::nullopt);
  const Ended ended = WarmUp(&gate, 0, [](double t) { return std::fmod(t, 1.0) == 0 ? 70.0 : 71.0; });
  EXPECT_EQ(ended.state, State::kSettled);
  EXPECT_LT(ended.seconds, kSettledSeconds + 5);
  EXPECT_NEAR(*gate.Remember(), 70.5, 0.1);
}

TEST(ThermalGate, ADeviceThatStillCoolsIsNotSettled) {
  ThermalGate gate(0, std::nullopt);
  const Ended ended = WarmUp(&gate, 0, [](double t) { return std::max(60.0, 90 - t); });
  EXPECT_EQ(ended.state, State::kSettled);
  EXPECT_GT(ended.seconds, 30);
}

TEST(ThermalGate, NeverTakesLongerThanItsLimit) {
  ThermalGate gate(0, std::nullopt);
  const Ended ended = WarmUp(&gate, 0, [](double t) { return 30 + t / 10; });
  EXPECT_EQ(ended.state, State::kTimeUp);
  EXPECT_EQ(ended.seconds, kMostGateSeconds);
  EXPECT_EQ(gate.Remember(), 48);
}

TEST(ThermalGate, ADeviceThatIsStillWarmPassesAtOnce) {
  ThermalGate gate(0, 75);
  EXPECT_EQ(gate.Check(0), State::kWarming);
  gate.Feed(0, 70);
  EXPECT_EQ(gate.Check(0), State::kNear);
  EXPECT_FALSE(gate.Remember()) << "what was known before stays";
}

TEST(ThermalGate, ADeviceThatCooledIsWarmedUntilItIsNearAgain) {
  ThermalGate gate(0, 79);
  const Ended ended = WarmUp(&gate, 0, Heating(20));
  EXPECT_EQ(ended.state, State::kNear);
  EXPECT_NEAR(ended.seconds, 20 * std::log(50.0 / 6), 0.5);  // 80 - 50 exp(-t / 20) = 74
}

TEST(ThermalGate, ACoolerCellSettlesLowerThanWasRemembered) {
  ThermalGate gate(0, 90);
  const Ended ended = WarmUp(&gate, 0, Heating(10));
  EXPECT_EQ(ended.state, State::kSettled);
  EXPECT_NEAR(*gate.Remember(), 79, 1);
}

TEST(ThermalGate, WithoutAThermometerThereIsNoGate) {
  ThermalGate gate(50, std::nullopt);
  EXPECT_EQ(gate.Check(50), State::kWarming);
  EXPECT_EQ(gate.Check(50 + kBlindSeconds), State::kBlind);
  EXPECT_FALSE(gate.Remember());
}

TEST(ThermalGate, AThermometerThatFailsHalfWayOpensTheGate) {
  ThermalGate gate(0, std::nullopt);
  for (double t = 0; t <= 10; t += 0.5) {
    gate.Feed(t, 40 + t);
    ASSERT_EQ(gate.Check(t), State::kWarming);
  }
  EXPECT_EQ(gate.Check(10 + kBlindSeconds), State::kBlind);
  gate.Feed(13, 70);
  EXPECT_EQ(gate.Check(13), State::kBlind) << "an open gate stays open";
  EXPECT_FALSE(gate.Remember());
}

v1::Window SoakWindow(double wall_seconds, std::uint32_t samples) {
  v1::Window window;
  window.set_samples(samples);
  window.set_seconds(wall_seconds / 2);
  window.set_wall_seconds(wall_seconds);
  return window;
}

TEST(Soak, SustainedIsTheSecondHalfOverDeviceTime) {
  Soak soak(10);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(soak.KeepOn());
    soak.Add(SoakWindow(1, 1000));
    EXPECT_FALSE(soak.Sustained());
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(soak.KeepOn());
    soak.Add(SoakWindow(1, 800));
  }
  EXPECT_FALSE(soak.KeepOn());
  EXPECT_EQ(soak.Sustained(), 1600);
  EXPECT_EQ(soak.seconds(), 10);
}

TEST(Soak, OneLongWindowIsEnough) {
  Soak soak(2);
  soak.Add(SoakWindow(30, 300));
  EXPECT_FALSE(soak.KeepOn());
  EXPECT_EQ(soak.Sustained(), 20);
  EXPECT_FALSE(Soak(0).KeepOn());
}

}  // namespace
}  // namespace rsg::trainer
