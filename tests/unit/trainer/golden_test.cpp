// Every model against timm in float64: names, shapes, initial values, loss, gradients, one optimiser step. The values
// in golden/ come from golden/make.py, which knows nothing of this project.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trainer/check/check.hpp"
#include "agent/trainer/check/fill.hpp"
#include "agent/trainer/models/model.hpp"
#include "common/models.hpp"

namespace rsg::trainer {
namespace {

// Honest rearrangements of float64 arithmetic stay within 8e-12; a norm that is zero in exact arithmetic is compared
// absolutely.
constexpr double kRelative = 1e-9;
constexpr double kZero = 1e-10;

/// A second file has the step alone, of another batch size, image size and seed, in 12 digits.
constexpr std::string_view kSecond = "-second";

/// Of golden/`stem`.json: a model's name, that and an image size, or that and kSecond.
nlohmann::json Golden(const std::string& stem) {
  std::ifstream file(RSG_GOLDEN_DIR "/" + stem + ".json");
  return nlohmann::json::parse(file);
}

void ExpectNear(double value, double golden, const std::string& what) {
  EXPECT_NEAR(value, golden, std::abs(golden) < kZero ? kZero : std::abs(golden) * kRelative) << what;
}

class GoldenTest : public ::testing::TestWithParam<std::tuple<std::string, bool>> {
 protected:
  const bool channels_last_ = std::get<1>(GetParam());
  const nlohmann::json golden_ = Golden(std::get<0>(GetParam()));
  const std::string name_ = golden_["model"];
  const ModelOptions options_{
      .style = {.device = at::kCPU, .dtype = at::kDouble, .channels_last = channels_last_},
      .image_size = golden_["size"],
      .regularise = false,
  };
};

/// What does not depend on the memory format.
class GoldenModel : public GoldenTest {};

TEST_P(GoldenTest, ComputesWhatTimmComputes) {
  const CheckFigures figures = RunCheck({.model = name_,
                                         .batch_size = golden_["batch"],
                                         .image_size = golden_["size"],
                                         .seed = golden_["seed"],
                                         .channels_last = channels_last_});
  ExpectNear(figures.loss, golden_["loss"], "loss");
  ExpectNear(figures.logits_l2, golden_["logits_l2"], "logits");
  ASSERT_EQ(figures.logits_head.size(), golden_["logits_head"].size());
  for (std::size_t i = 0; i < figures.logits_head.size(); ++i)
    ExpectNear(figures.logits_head[i], golden_["logits_head"][i], "logit");
  ASSERT_EQ(figures.parameters.size(), golden_["grad_l2"].size());
  for (std::size_t i = 0; i < figures.parameters.size(); ++i) {
    const CheckedParameter& parameter = figures.parameters[i];
    ExpectNear(parameter.grad_l2, golden_["grad_l2"][i], "gradient of " + parameter.name);
    ExpectNear(parameter.step_l2, golden_["step_l2"][i], "step of " + parameter.name);
  }
  if (std::get<0>(GetParam()).ends_with(kSecond)) return;
  ASSERT_EQ(figures.buffers.size(), golden_["buffer_l2"].size());
  for (std::size_t i = 0; i < figures.buffers.size(); ++i)
    ExpectNear(figures.buffers[i].l2, golden_["buffer_l2"][i], figures.buffers[i].name);
}

TEST_P(GoldenModel, NamesOrderAndShapesAreTimms) {
  const auto model = BuildModel(name_, options_);
  std::vector<std::string> names;
  std::vector<std::vector<std::int64_t>> shapes;
  for (const NamedTensor& parameter : model->weights().parameters()) {
    names.push_back(parameter.name);
    shapes.push_back(parameter.tensor.sizes().vec());
    EXPECT_TRUE(parameter.tensor.requires_grad()) << parameter.name;
  }
  EXPECT_EQ(names, golden_["names"].get<std::vector<std::string>>());
  EXPECT_EQ(shapes, golden_["shapes"].get<decltype(shapes)>());
  EXPECT_EQ(model->weights().ParameterCount(), golden_["parameters"].get<std::uint64_t>());
  EXPECT_EQ(FindModel(name_)->parameters, golden_["default_parameters"].get<std::uint32_t>());
  std::vector<std::string> buffers;
  for (const NamedTensor& buffer : model->weights().buffers()) buffers.push_back(buffer.name);
  EXPECT_EQ(buffers, golden_["buffers"].get<std::vector<std::string>>());
}

// Constants must be equal; random values are compared by their spread (a sample of n values has a standard deviation
// within about 1 / sqrt(2 n) of the true one) and by the range of a bounded distribution.
TEST_P(GoldenModel, StartsAsTimmStarts) {
  const auto model = BuildModel(name_, options_);
  const auto& parameters = model->weights().parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& p = parameters[i].tensor.detach();
    const auto [mean, deviation, least, most] = golden_["initial"][i].get<std::array<double, 4>>();
    if (least == most) {
      EXPECT_EQ(p.min().item().toDouble(), least) << parameters[i].name;
      EXPECT_EQ(p.max().item().toDouble(), most) << parameters[i].name;
      continue;
    }
    const double n = static_cast<double>(p.numel());
    // Where float32 draws exactly -1, timm's truncated normal starts one weight at its cut, a hundred deviations off.
    const bool stray = least < -50 * deviation;
    const double spread = stray ? std::sqrt(deviation * deviation - least * least / n) : deviation;
    EXPECT_NEAR(p.std(false).item().toDouble(), spread, 6 * deviation / std::sqrt(n)) << parameters[i].name;
    EXPECT_NEAR(p.mean().item().toDouble(), mean, 9 * deviation / std::sqrt(n)) << parameters[i].name;
    if (p.numel() < 1000) continue;
    const bool uniform = most < 2 * deviation;  // a normal sample this large reaches past 2 deviations
    EXPECT_EQ(p.max().item().toDouble() < 2 * deviation, uniform) << parameters[i].name;
  }
}

/// Every file in golden/.
std::vector<std::string> AllStems() {
  std::vector<std::string> stems;
  for (const auto& file : std::filesystem::directory_iterator(RSG_GOLDEN_DIR))
    if (file.path().extension() == ".json") stems.push_back(file.path().stem());
  std::ranges::sort(stems);
  return stems;
}

bool AllAreAskedFor() {
  const char* asked = std::getenv("RSG_GOLDEN");
  return asked != nullptr && std::string_view(asked) == "all";
}

// One or more of every family, and all files when RSG_GOLDEN=all asks for them: that takes minutes.
std::vector<std::string> FirstStems() {
  if (!AllAreAskedFor())
    return {"resnet18",
            "resnet50",
            "resnext50_32x4d",
            "vgg11",
            "densenet121",
            "regnety_032",
            "convnext_tiny",
            "mobilenetv2_100",
            "mobilenetv3_large_100",
            "efficientnet_b0",
            "swin_s3_base_224",
            "swin_tiny_patch4_window7_224",
            "mixer_b16_224",
            "vit_small_patch16_224"};
  std::vector<std::string> stems = AllStems();
  std::erase_if(stems, [](const std::string& stem) { return stem.ends_with(kSecond); });
  return stems;
}

using Step = GoldenTest::ParamType;

// Everything in both memory formats, or the first files in NCHW and the second ones in NHWC.
std::vector<Step> Steps() {
  std::vector<Step> steps;
  const bool all = AllAreAskedFor();
  for (const std::string& stem : all ? AllStems() : FirstStems()) {
    steps.emplace_back(stem, false);
    steps.emplace_back(all ? stem : std::string(stem).append(kSecond), true);
  }
  return steps;
}

std::string NameOf(const ::testing::TestParamInfo<Step>& test) {
  std::string name = std::get<0>(test.param) + (std::get<1>(test.param) ? "_nhwc" : "_nchw");
  std::ranges::replace(name, '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Models, GoldenTest, ::testing::ValuesIn(Steps()), NameOf);
INSTANTIATE_TEST_SUITE_P(Models, GoldenModel,
                         ::testing::Combine(::testing::ValuesIn(FirstStems()), ::testing::Values(false)), NameOf);

TEST(Catalog, EveryModelHasGoldenValuesOfTwoSteps) {
  const std::vector<std::string> stems = AllStems();
  for (const ModelEntry& entry : Models())
    for (const std::string_view suffix : {std::string_view(), kSecond}) {
      const std::string stem = std::string(entry.name).append(suffix);
      EXPECT_EQ(std::ranges::count(stems, stem), 1) << stem;
    }
}

TEST(Catalog, AnUnknownModelIsNone) { EXPECT_EQ(BuildModel("resnet51", {}), nullptr); }

TEST(Fill, MatchesItsPublishedValues) {
  EXPECT_EQ(Fill("input", 20771).Uniform(0), 0.20830905257965515);
  EXPECT_EQ(Fill("input", 20771).Uniform(1), -0.47851139722126423);
  EXPECT_EQ(Fill("layer1.0.conv1.weight", 0).Uniform(0), -0.9001685496293765);
}

}  // namespace
}  // namespace rsg::trainer
