// Simulations: what the interval, the stop, the end of warm-up and the judgement of stability are worth. The objects
// are the trainer's own, fed as it feeds them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "agent/trainer/measure/interval.hpp"
#include "agent/trainer/measure/steady.hpp"
#include "synthetic.hpp"

namespace rsg::trainer {
namespace {

#ifdef RSG_SANITIZED
constexpr int kSeries = 300;
#else
constexpr int kSeries = 4000;
#endif
constexpr std::size_t kLimit = 600;  // windows of 0.1 s in the default limit of 60 s
constexpr double kTarget = 0.005;

/// Where kSeries are few, the estimate's own error (three times) is allowed for.
double AtLeast(double share) { return kSeries >= 4000 ? share : share - 3 * std::sqrt(share * (1 - share) / kSeries); }

struct Sequential {
  double coverage = 0;
  double at_limit = 0;
  double windows = 0;
};

Sequential Measure(double phi, double cv) {
  Synthetic synthetic(static_cast<unsigned>(1000 * phi + 100000 * cv) + 1);
  Sequential sum;
  for (int i = 0; i < kSeries; ++i) {
    const auto values = synthetic.Autoregressive(kLimit, phi, cv);
    PrecisionStop stop(kTarget);
    std::size_t n = 1;
    while (!stop.Reached(std::span(values).first(n)) && n < kLimit) ++n;
    const auto interval = EstimateInterval(std::span(values).first(n));
    sum.coverage += std::abs(interval->mean - 1) <= interval->half_width ? 1.0 / kSeries : 0;
    sum.at_limit += n == kLimit ? 1.0 / kSeries : 0;
    sum.windows += static_cast<double>(n) / kSeries;
  }
  return sum;
}

TEST(Coverage, NominalNinetyFivePercentHoldsWithSequentialStopping) {
  std::printf("phi   cv      coverage  at limit  windows\n");
  for (const double phi : {0.0, 0.3, 0.6, 0.8, 0.9, 0.95})
    for (const double cv : {0.001, 0.01, 0.03}) {
      const Sequential run = Measure(phi, cv);
      std::printf("%.2f  %.1f %%   %.1f %%    %5.1f %%   %.0f\n", phi, 100 * cv, 100 * run.coverage,
                  100 * run.at_limit, run.windows);
      EXPECT_GE(run.coverage, AtLeast(0.93)) << phi << " " << cv;
      EXPECT_LE(run.coverage, 0.999) << "so wide that it says nothing";
    }
}

TEST(Coverage, SteadyMachineIsKnownWithinFourSeconds) {
  for (const double cv : {0.0008, 0.01}) EXPECT_LE(Measure(0, cv).windows, 60);
}

/// Share of series that are called unsteady.
template <typename Make>
double Alarms(Make make, std::string* said = nullptr) {
  double alarms = 0;
  for (int i = 0; i < kSeries / 10; ++i) {
    const Stability stability = JudgeStability(make());
    alarms += stability.steady ? 0 : 10.0 / kSeries;
    EXPECT_EQ(stability.steady, stability.evidence.empty());
    if (said != nullptr && !stability.steady) *said = stability.evidence;
  }
  return alarms;
}

TEST(StabilityOf, StationarySeriesIsRarelyDoubted) {
  Synthetic synthetic(7);
  for (const std::size_t n : {40u, 300u})
    for (const double phi : {0.0, 0.3, 0.6, 0.8})
      for (const double cv : {0.001, 0.01, 0.03}) {
        const double alarms = Alarms([&] { return synthetic.Autoregressive(n, phi, cv); });
        std::printf("%zu windows, phi %.1f, cv %.1f %%: %.1f %% alarms\n", n, phi, 100 * cv, 100 * alarms);
        EXPECT_LE(alarms, 0.05) << n << " " << phi << " " << cv;
      }
}

TEST(StabilityOf, DriftIsFound) {
  Synthetic synthetic(8);
  std::string said;
  EXPECT_GE(Alarms([&] { return synthetic.Drifting(300, 0.05, 0.01); }, &said), 0.99);
  EXPECT_NE(said.find("throughput fell by"), std::string::npos) << said;
  EXPECT_NE(said.find("steadily"), std::string::npos) << said;
}

TEST(StabilityOf, ThrottlingStepIsFoundWhereItHappened) {
  Synthetic synthetic(9);
  std::string said;
  EXPECT_GE(Alarms([&] { return synthetic.Stepping(300, 0.25, 0.4, 0.01); }, &said), 0.99);
  EXPECT_EQ(said.substr(0, 22), "throughput fell by 20.") << said;
  EXPECT_NE(said.find("after 40 %"), std::string::npos) << said;
  EXPECT_GE(Alarms([&] { return synthetic.Stepping(60, 0.03, 0.5, 0.005); }), 0.99);
}

TEST(StabilityOf, TwoLevelsAreFound) {
  Synthetic synthetic(10);
  std::string said;
  EXPECT_GE(Alarms([&] { return synthetic.Bimodal(200, 0.10, 0.01); }, &said), 0.99);
  EXPECT_NE(said.find("two levels"), std::string::npos) << said;
}

TEST(StabilityOf, TooFewWindowsAreNotJudged) {
  Synthetic synthetic(11);
  EXPECT_TRUE(JudgeStability({}).steady);
  EXPECT_TRUE(JudgeStability(synthetic.Stepping(15, 1, 0.5, 0.001)).steady);
}

/// How many windows of warm-up, and how much slower the rest of the series is than its level.
struct WarmedUp {
  std::size_t windows = 0;
  double bias = 0;
};
WarmedUp WarmUp(const std::vector<double>& values) {
  WarmUpEnd warm_up;
  WarmedUp found;
  while (!warm_up.Settled() && found.windows < values.size()) warm_up.Add(values[found.windows++]);
  for (std::size_t i = found.windows; i < values.size(); ++i)
    found.bias += (values[i] - 1) / static_cast<double>(values.size() - found.windows);
  return found;
}

TEST(WarmUpEndIs, SoonOnASteadyMachine) {
  Synthetic synthetic(12);
  double windows = 0;
  for (int i = 0; i < kSeries / 10; ++i)
    windows += static_cast<double>(WarmUp(synthetic.Settling(200, 0, 1, 0.001)).windows) * 10 / kSeries;
  std::printf("steady from the second window on: %.1f windows of warm-up\n", windows);
  EXPECT_LE(windows, 13);
}

TEST(WarmUpEndIs, LateEnoughToLeaveNoBias) {
  Synthetic synthetic(13);
  for (const double tau : {3.0, 10.0, 20.0})
    for (const double cv : {0.001, 0.01}) {
      double windows = 0;
      double bias = 0;
      for (int i = 0; i < kSeries / 10; ++i) {
        const WarmedUp found = WarmUp(synthetic.Settling(200, 0.2, tau, cv));
        windows += static_cast<double>(found.windows) * 10 / kSeries;
        bias += found.bias * 10 / kSeries;
      }
      std::printf("settling over %.0f windows from +20 %%, cv %.1f %%: %.0f of warm-up, bias %.2f %%\n", tau, 100 * cv,
                  windows, 100 * bias);
      EXPECT_LE(bias, 0.005) << tau << " " << cv;
    }
}

}  // namespace
}  // namespace rsg::trainer
