#include "agent/trainer/models/regularise.hpp"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

namespace rsg::trainer {
namespace {

TEST(DropPath, DropsWholeSamplesAndKeepsTheMean) {
  constexpr std::int64_t kSamples = 4000;
  constexpr double kRate = 0.2;
  const at::Tensor branch = at::ones({kSamples, 2, 3}, at::TensorOptions().dtype(at::kDouble));
  const at::Tensor kept = DropPath(kRate)(branch);
  double dropped = 0;
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const double least = kept[i].min().item().toDouble();
    EXPECT_EQ(least, kept[i].max().item().toDouble());
    EXPECT_TRUE(least == 0 || least == 1 / (1 - kRate)) << least;
    dropped += least == 0 ? 1 : 0;
  }
  EXPECT_NEAR(dropped / kSamples, kRate, 0.04);  // 6 standard deviations
}

TEST(DropPath, WithoutARateIsNothing) {
  const at::Tensor branch = at::ones({2, 3});
  EXPECT_TRUE(DropPath(0)(branch).is_same(branch));
}

// torch.linspace(0, 0.1, 5).tolist()
TEST(DropPathRates, AreTimmsFloats) {
  const std::vector<double> expected{0, 0.02500000037252903, 0.05000000074505806, 0.07500000298023224,
                                     0.10000000149011612};
  EXPECT_EQ(DropPathRates(0.1, 5), expected);
}

}  // namespace
}  // namespace rsg::trainer
