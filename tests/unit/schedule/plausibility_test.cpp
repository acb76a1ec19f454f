// What speaks against a result: each lie is found, and no honest run is marked.
#include "coordinator/schedule/plausibility.hpp"

#include <gmock/gmock.h>

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t kBatch = 8;

// A run as a trainer reports it: two windows of warm-up, then measured ones that follow one another.
class Plausibility : public testing::Test {
 protected:
  Plausibility() {
    Add(1, 2.5, true);  // the first step is slow
    Add(3, 0.1, true);
    for (int i = 0; i < 40; ++i) Add(10, 0.1 + 0.001 * (i % 3));
    Summarise();
  }
  void Add(std::uint32_t steps, double seconds, bool warm_up = false) {
    windows_.push_back({.steps = steps,
                        .samples = steps * kBatch,
                        .seconds = seconds,
                        .wall_seconds = seconds,
                        .start_seconds = next_,
                        .warm_up = warm_up});
    next_ += seconds + 0.0002;
  }
  // A pause before window `index`, in which nothing is measured.
  void DelayFrom(std::size_t index, double seconds) {
    for (std::size_t i = index; i < windows_.size(); ++i) windows_[i].start_seconds += seconds;
    next_ += seconds;
  }
  void Summarise() {
    std::vector<double> of_a_sample;
    result_.Clear();
    for (const MeasuredWindow& window : windows_) {
      if (window.warm_up) continue;
      result_.set_windows(result_.windows() + 1);
      result_.set_steps(result_.steps() + window.steps);
      result_.set_samples(result_.samples() + window.samples);
      result_.set_seconds(result_.seconds() + window.seconds);
      of_a_sample.push_back(window.seconds / window.samples);
    }
    std::sort(of_a_sample.begin(), of_a_sample.end());
    result_.set_throughput(result_.samples() / result_.seconds());
    // As agent/trainer/measure/summary.cpp does: of the times, not of the rates.
    const double median = (of_a_sample[(of_a_sample.size() - 1) / 2] + of_a_sample[of_a_sample.size() / 2]) / 2;
    result_.set_median(1 / median);
    result_.set_stop_reason(v1::STOP_REASON_PRECISION);
  }
  std::vector<std::string> Taints() const { return FindTaints(windows_, result_, elapsed_); }

  std::vector<MeasuredWindow> windows_;
  v1::Result result_;
  double next_ = 0;
  double elapsed_ = 20;
};

TEST_F(Plausibility, HonestRunHasNone) { EXPECT_THAT(Taints(), IsEmpty()); }

TEST_F(Plausibility, WindowsOfUnequalLengthAreNoGap) {
  // As mode `original` cuts them: at the first stamp after half a second, and a last one with what is left.
  windows_.clear();
  next_ = 0;
  Add(1, 7.0, true);
  for (int i = 0; i < 5; ++i) Add(i == 2 ? 90 : 10, i == 2 ? 4.5 : 0.5);
  Add(1, 0.06);
  Summarise();
  EXPECT_THAT(Taints(), IsEmpty());
}

TEST_F(Plausibility, OneOrTwoWindowsAreNoGap) {
  windows_.resize(3);
  next_ = windows_[2].start_seconds + windows_[2].seconds;
  Summarise();
  EXPECT_THAT(Taints(), IsEmpty());
  Add(10, 3.0);
  Summarise();
  EXPECT_THAT(Taints(), IsEmpty()) << "of two nobody knows which is the usual one";
}

TEST_F(Plausibility, MiddleWindowsThatDifferMuchAreNoLie) {
  windows_.resize(2);
  next_ = windows_[1].start_seconds + windows_[1].seconds;
  Add(10, 1.0);
  Add(10, 1.3);
  Summarise();
  EXPECT_THAT(Taints(), IsEmpty());
}

TEST_F(Plausibility, MedianOfManyWindowsIsTheTrainersToReckon) {
  for (int i = 0; i < 2100; ++i) Add(10, i % 3 == 0 ? 0.4 : 0.1);
  elapsed_ = 1000;
  Summarise();
  result_.set_median(0.6 * result_.median());  // of pairs of windows
  EXPECT_THAT(Taints(), IsEmpty());
}

TEST_F(Plausibility, NoiseIsNoGap) {
  DelayFrom(20, 0.4);
  EXPECT_THAT(Taints(), IsEmpty()) << "five times the median, but not half a second";
}

TEST_F(Plausibility, FreezeInsideAWindowIsAGap) {
  windows_[20].seconds = windows_[20].wall_seconds = 3.1;
  DelayFrom(21, 3);
  Summarise();
  EXPECT_THAT(Taints(), ElementsAre("frozen for 3.0 s: 1 of 40 measured windows took over 5 times the median"));
}

TEST_F(Plausibility, FreezeBetweenWindowsIsAGap) {
  DelayFrom(20, 2);
  DelayFrom(30, 1);
  EXPECT_THAT(Taints(), ElementsAre("frozen for 2.0 s: 2 of 40 measured windows took over 5 times the median"));
}

TEST_F(Plausibility, FreezeThatOnlyTheHostSawInTheLastWindowIsAGap) {
  windows_.back().wall_seconds = 2;
  EXPECT_THAT(Taints(), ElementsAre(HasSubstr("frozen for 1.9 s")));
}

TEST_F(Plausibility, FreezeInWarmUpHarmsNothing) {
  windows_[1].seconds = 9;
  DelayFrom(2, 9);
  EXPECT_THAT(Taints(), IsEmpty());
}

TEST_F(Plausibility, SoakCountsAsWarmUp) {
  Add(10, 0.5, true);
  Add(10, 0.5, true);
  EXPECT_THAT(Taints(), IsEmpty());
}

TEST_F(Plausibility, FasterThanItsWindowsIsFound) {
  result_.set_seconds(result_.seconds() / 2);
  result_.set_throughput(result_.throughput() * 2);
  EXPECT_THAT(Taints(), ElementsAre(HasSubstr("its windows give 7")));
}

TEST_F(Plausibility, MoreSamplesThanItsWindowsIsFound) {
  result_.set_samples(result_.samples() * 2);
  result_.set_seconds(result_.seconds() * 2);
  EXPECT_THAT(Taints(), testing::Contains(HasSubstr("samples, 40 and 3200 were reported")));
}

TEST_F(Plausibility, MedianOfOtherWindowsIsFound) {
  result_.set_median(1.1 * result_.median());
  EXPECT_THAT(Taints(), ElementsAre(HasSubstr("the median of its windows is")));
}

TEST_F(Plausibility, WindowsThatOverlapAreFound) {
  for (std::size_t i = 0; i < windows_.size(); ++i) windows_[i].start_seconds = 0.05 * static_cast<double>(i);
  EXPECT_THAT(Taints(), testing::Contains("its windows overlap"));
}

TEST_F(Plausibility, TimeThatIsLeftOutIsFound) {
  // Tenfold throughput: each window tells of a tenth of its time.
  for (MeasuredWindow& window : windows_) window.seconds = window.wall_seconds = window.seconds / 10;
  Summarise();
  EXPECT_THAT(Taints(), ElementsAre("0.4 s are measured of the 4.0 s in which its windows lie"));
}

TEST_F(Plausibility, LongerThanTheCoordinatorSawIsFound) {
  elapsed_ = 5;
  EXPECT_THAT(Taints(), ElementsAre("its windows last 6.6 s, but the attempt was over 5.0 s after it was handed out"));
  elapsed_ = 6;
  EXPECT_THAT(Taints(), IsEmpty()) << "clocks are read a little apart";
}

TEST_F(Plausibility, MoreThanTheDeviceCanDoIsFound) {
  v1::Physics& physics = *result_.mutable_physics();
  physics.set_flop_per_sample(1e9);
  physics.set_flops(1e9 * result_.throughput());
  physics.set_plausible(true);
  EXPECT_THAT(Taints(), IsEmpty()) << "no peak is told";
  physics.set_peak_flops(physics.flops() / 3);
  EXPECT_THAT(Taints(), IsEmpty()) << "Winograd";
  result_.mutable_flags()->set_autocast(true);
  EXPECT_THAT(Taints(), ElementsAre("300 % of what the device reaches in matrix products cannot be"));
  result_.mutable_flags()->set_autocast(false);
  physics.set_plausible(false);
  EXPECT_THAT(Taints(), ElementsAre("300 % of what the device reaches in matrix products cannot be"));
  physics.set_flops(physics.flops() / 10);
  EXPECT_THAT(Taints(), testing::Contains(HasSubstr("it tells of")));
}

TEST_F(Plausibility, ResultWithoutWindowsIsFound) {
  windows_.clear();
  EXPECT_THAT(Taints(), ElementsAre("none of its windows was measured"));
}

TEST_F(Plausibility, InterruptedIsFound) {
  result_.set_stop_reason(v1::STOP_REASON_SIGNAL);
  EXPECT_THAT(Taints(), ElementsAre("it was interrupted"));
}

}  // namespace
}  // namespace rsg::schedule
