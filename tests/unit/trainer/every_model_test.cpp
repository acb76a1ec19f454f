// Every model trains: 20 steps in FP32 and three in BF16, which is slow on most CPUs, at its smallest size. A cheap
// one, and all of them when RSG_MODELS=all asks for it.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/models/model.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "common/models.hpp"

namespace rsg::trainer {
namespace {

// So that the batch norm that sees least, one pixel an image, has some values a channel.
constexpr std::uint32_t kBatchSize = 4;

std::vector<std::string> Asked() {
  const char* asked = std::getenv("RSG_MODELS");
  if (asked == nullptr || std::string_view(asked) != "all") return {"mobilenetv3_large_100"};
  std::vector<std::string> names;
  for (const ModelEntry& entry : Models()) names.emplace_back(entry.name);
  return names;
}

class EveryModel : public ::testing::TestWithParam<std::string> {
 protected:
  const ModelEntry& entry_ = *FindModel(GetParam());

  void Train(Numerics::Autocast autocast, const char* precision, int steps) const {
    const auto cpu = OpenCpu();
    const auto step = MakeStandardStep(*cpu, {.model = entry_.name,
                                              .batch_size = kBatchSize,
                                              .image_size = entry_.min_image_size,
                                              .numerics = {.autocast = autocast}});
    double first = 0;
    for (int i = 0; i < steps; ++i) {
      step->Run();
      const double loss = step->Loss();
      if (i == 0) first = loss;
      ASSERT_TRUE(std::isfinite(loss)) << precision << ", step " << i + 1;
    }
    std::printf("%-30s %u x %u px  %s  %2d steps  loss %.4f to %.4f\n", GetParam().c_str(), kBatchSize,
                entry_.min_image_size, precision, steps, first, step->Loss());
  }
};

TEST_P(EveryModel, TrainsInFp32) { Train(Numerics::Autocast::kNone, "fp32", 20); }

TEST_P(EveryModel, TrainsInBf16) { Train(Numerics::Autocast::kBfloat16, "bf16", 3); }

TEST_P(EveryModel, HasAsManyParametersAsTheTableSays) {
  const auto model = BuildModel(entry_.name, {.style = {}, .image_size = entry_.default_image_size});
  EXPECT_EQ(model->weights().ParameterCount(), entry_.parameters);
  std::printf("%-30s %llu parameters\n", GetParam().c_str(),
              static_cast<unsigned long long>(model->weights().ParameterCount()));
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModel, ::testing::ValuesIn(Asked()));

}  // namespace
}  // namespace rsg::trainer
