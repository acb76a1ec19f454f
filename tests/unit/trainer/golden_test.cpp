// Every model against timm in float64: names, shapes, initial values, loss, gradients, one optimiser step. The values
// in golden/ come from golden/make.py, which knows nothing of this project.
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
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

#include "agent/trainer/models/model.hpp"
#include "agent/trainer/training/sgd.hpp"
#include "common/models.hpp"

namespace rsg::trainer {
namespace {

// Honest rearrangements of float64 arithmetic stay within 8e-12; a norm that is zero in exact arithmetic is compared
// absolutely.
constexpr double kRelative = 1e-9;
constexpr double kZero = 1e-10;

/// Of golden/`stem`.json: a model's name, or that and an image size.
nlohmann::json Golden(const std::string& stem) {
  std::ifstream file(RSG_GOLDEN_DIR "/" + stem + ".json");
  return nlohmann::json::parse(file);
}

/// The fill of golden/make.py: splitmix64 over FNV-1a of the name.
class Fill {
 public:
  Fill(std::string_view name, std::uint64_t seed) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char byte : name) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
    base_ = Mix(hash ^ seed);
  }
  std::uint64_t Hash(std::uint64_t i) const { return Mix(base_ + i); }
  double Uniform(std::uint64_t i) const { return static_cast<double>(Hash(i) >> 11) * 0x1p-53 * 2 - 1; }

 private:
  static std::uint64_t Mix(std::uint64_t z) {
    z += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  std::uint64_t base_;
};

at::Tensor Filled(std::string_view name, at::IntArrayRef shape, std::uint64_t seed, double scale, double offset) {
  const Fill fill(name, seed);
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kDouble));
  double* data = tensor.data_ptr<double>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    data[i] = offset + scale * fill.Uniform(static_cast<std::uint64_t>(i));
  return tensor;
}

at::Tensor FilledParameter(const NamedTensor& parameter, std::uint64_t seed) {
  const at::IntArrayRef shape = parameter.tensor.sizes();
  const bool scale = parameter.tensor.dim() == 1 && parameter.name.ends_with(".weight");
  if (parameter.tensor.dim() < 2) return Filled(parameter.name, shape, seed, 0.1, scale ? 1 : 0);
  const double fan_in = static_cast<double>(parameter.tensor.numel() / shape[0]);
  return Filled(parameter.name, shape, seed, std::sqrt(3 / fan_in), 0);
}

double L2(const at::Tensor& tensor) { return tensor.to(at::kDouble).norm().item().toDouble(); }

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
  const auto model = BuildModel(name_, options_);
  ASSERT_NE(model, nullptr);
  const std::uint64_t seed = golden_["seed"];
  const std::int64_t batch = golden_["batch"];
  const std::int64_t size = golden_["size"];
  for (const NamedTensor& parameter : model->weights().parameters())
    parameter.tensor.detach().copy_(FilledParameter(parameter, seed));
  const at::Tensor images =
      Filled("input", {batch, 3, size, size}, seed, 1, 0)
          .contiguous(channels_last_ ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
  at::Tensor labels = at::zeros({batch}, at::TensorOptions().dtype(at::kLong));
  for (std::int64_t k = 0; k < batch; ++k)
    labels.data_ptr<std::int64_t>()[k] = static_cast<std::int64_t>(Fill("label", seed).Hash(k) % kClasses);

  const at::Tensor logits = model->Forward(images);
  const at::Tensor loss = at::cross_entropy_loss(logits, labels);
  Sgd sgd(model->weights().parameters(), {.learning_rate = 0.01, .weight_decay = 5e-5});
  sgd.ZeroGrad();
  loss.backward();

  ExpectNear(loss.item().toDouble(), golden_["loss"], "loss");
  ExpectNear(L2(logits), golden_["logits_l2"], "logits");
  for (std::int64_t i = 0; i < 8; ++i) ExpectNear(logits[0][i].item().toDouble(), golden_["logits_head"][i], "logit");
  const auto& parameters = model->weights().parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i)
    ExpectNear(L2(parameters[i].tensor.grad()), golden_["grad_l2"][i], "gradient of " + parameters[i].name);
  const auto& buffers = model->weights().buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i)
    ExpectNear(L2(buffers[i].tensor), golden_["buffer_l2"][i], buffers[i].name);
  sgd.Step(nullptr);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    ExpectNear(L2(parameters[i].tensor.detach()), golden_["step_l2"][i], "step of " + parameters[i].name);
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

// One or more of every family, and all files when RSG_GOLDEN=all asks for them: that takes minutes.
std::vector<std::string> Stems() {
  if (const char* asked = std::getenv("RSG_GOLDEN"); asked != nullptr && std::string_view(asked) == "all")
    return AllStems();
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
}

std::string NameOf(const ::testing::TestParamInfo<GoldenTest::ParamType>& test) {
  std::string name = std::get<0>(test.param) + (std::get<1>(test.param) ? "_nhwc" : "_nchw");
  std::ranges::replace(name, '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Models, GoldenTest, ::testing::Combine(::testing::ValuesIn(Stems()), ::testing::Bool()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Models, GoldenModel,
                         ::testing::Combine(::testing::ValuesIn(Stems()), ::testing::Values(false)), NameOf);

TEST(Catalog, EveryModelHasGoldenValues) {
  const std::vector<std::string> stems = AllStems();
  for (const ModelEntry& entry : Models()) EXPECT_EQ(std::ranges::count(stems, entry.name), 1) << entry.name;
}

TEST(Catalog, AnUnknownModelIsNone) { EXPECT_EQ(BuildModel("resnet51", {}), nullptr); }

TEST(Fill, MatchesItsPublishedValues) {
  EXPECT_EQ(Fill("input", 20771).Uniform(0), 0.20830905257965515);
  EXPECT_EQ(Fill("input", 20771).Uniform(1), -0.47851139722126423);
  EXPECT_EQ(Fill("layer1.0.conv1.weight", 0).Uniform(0), -0.9001685496293765);
}

}  // namespace
}  // namespace rsg::trainer
