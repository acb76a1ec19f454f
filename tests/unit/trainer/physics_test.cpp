#include "agent/trainer/measure/physics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "agent/trainer/measure/peak_search.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Physics, SaysWhatShareOfThePeakIsReached) {
  const v1::Physics physics = MakePhysics(24.5e9, 1000, 60e12, /*with_winograd=*/false);
  EXPECT_DOUBLE_EQ(physics.flop_per_sample(), 24.5e9);
  EXPECT_DOUBLE_EQ(physics.flops(), 24.5e12);
  EXPECT_DOUBLE_EQ(physics.peak_flops(), 60e12);
  EXPECT_DOUBLE_EQ(physics.share_of_peak(), 24.5 / 60);
  EXPECT_TRUE(physics.plausible());
  EXPECT_THAT(physics.note(), IsEmpty());
}

TEST(Physics, WithoutAPeakNothingIsDoubted) {
  const v1::Physics physics = MakePhysics(24.5e9, 1e9, std::nullopt, false);
  EXPECT_FALSE(physics.has_peak_flops());
  EXPECT_FALSE(physics.has_share_of_peak());
  EXPECT_TRUE(physics.plausible());
}

TEST(Physics, MoreThanThePeakIsImplausibleUnlessWinogradExplainsIt) {
  const v1::Physics tensor_cores = MakePhysics(1e9, 1.3e3, 1e12, false);
  EXPECT_FALSE(tensor_cores.plausible());
  EXPECT_THAT(tensor_cores.note(), HasSubstr("130 % of what matrix products reach cannot be"));
  const v1::Physics winograd = MakePhysics(1e9, 1.3e3, 1e12, true);
  EXPECT_TRUE(winograd.plausible());
  EXPECT_THAT(winograd.note(), HasSubstr("Winograd"));
  const v1::Physics too_much = MakePhysics(1e9, 4.1e3, 1e12, true);
  EXPECT_FALSE(too_much.plausible());
  EXPECT_THAT(too_much.note(), HasSubstr("no convolution saves that much"));
}

/// A device that reaches `peak` for large matrices and less for small ones, after a slow first product of each size.
struct Products {
  double peak;
  std::map<std::int64_t, int> calls{};
  double total = 0;
  std::int64_t largest = 8192;  ///< that fits
  Peak Search() {
    return SearchPeak([this](std::int64_t n) { return n <= largest && (*this)(n, 1) > 0; },
                      [this](std::int64_t n, std::uint32_t repeats) { return (*this)(n, repeats); });
  }
  double operator()(std::int64_t n, std::uint32_t repeats) {
    const double size = static_cast<double>(n);
    const double efficiency = size / (size + 500) / (n == 4096 ? 1 : 1.1);
    const double first = calls[n]++ == 0 ? 0.5 : 0;
    const double seconds = first + repeats * 2 * size * size * size / (peak * efficiency);
    total += seconds;
    return seconds;
  }
};

TEST(PeakSearch, TakesTheBestOfTheSizesWithoutTheirFirstProduct) {
  Products products{.peak = 100e12};
  const Peak peak = products.Search();
  EXPECT_EQ(peak.size, 4096);
  EXPECT_NEAR(peak.flops, 100e12 * 4096 / 4596, 1e9);
  EXPECT_EQ(products.calls.rbegin()->first, 8192);
}

TEST(PeakSearch, WhereTheLargestDoNotFitTheBestOfTheOthersCounts) {
  Products products{.peak = 100e12, .largest = 2048};
  const Peak peak = products.Search();
  EXPECT_EQ(peak.size, 2048);
  EXPECT_GT(peak.flops, 60e12);
  products.largest = 0;
  EXPECT_EQ(products.Search().flops, 0);
}

TEST(PeakSearch, EndsSoonOnASlowDevice) {
  for (const double rate : {1e9, 5e10, 1e12}) {
    Products products{.peak = rate};
    const Peak peak = products.Search();
    EXPECT_GT(peak.flops, 0.4 * rate);
    EXPECT_LT(products.total, 6) << rate;
  }
}

}  // namespace
}  // namespace rsg::trainer
