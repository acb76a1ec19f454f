// Steps that train a TorchScript module.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/training/failure.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "script_file.hpp"

namespace rsg::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class Script : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rsg-script-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string File() const { return (folder_ / "net.pt").string(); }
  StepOptions Saved(const ScriptSource& source, std::vector<std::uint32_t> sample_shape = {3, 16, 16}) const {
    SaveScript(source, File());
    return {.batch_size = 4, .script = File(), .sample_shape = std::move(sample_shape)};
  }
  /// How the first two steps end.
  absl::Status Train(const StepOptions& options) const {
    try {
      const auto step = MakeStandardStep(*cpu_, options);
      for (int i = 0; i < 2; ++i) step->Run();
      return absl::OkStatus();
    } catch (...) {
      return StatusOfException();
    }
  }

  fs::path folder_;
  std::unique_ptr<Device> cpu_ = OpenCpu();
};

TEST_F(Script, TrainsInEveryModeAndFormat) {
  StepOptions options = Saved(SmallConvNet());
  const double multiply_adds = 8. * 8 * 8 * 27 + 8. * 8 * 16 * 8 + 16 * 5;
  for (const auto make : {MakeStandardStep, MakeOriginalStep, MakeTunedStep}) {
    std::vector<double> losses;
    for (const bool nhwc : {false, true}) {
      options.channels_last = nhwc;
      const auto step = make(*cpu_, options);
      step->Run();
      losses.push_back(step->Loss());
      for (int i = 0; i < 4; ++i) step->Run();
      EXPECT_TRUE(std::isfinite(step->Loss()));
      EXPECT_EQ(step->ParameterCount(), 216u + 16 + 128 + 80);
      EXPECT_DOUBLE_EQ(step->FlopPerSample(), 6 * multiply_adds);
    }
    EXPECT_NEAR(losses[0], std::log(5.0), 0.2);
    EXPECT_NEAR(losses[0], losses[1], 1e-4);
  }
}

TEST_F(Script, UnderBf16ItComputesRoughlyTheSame) {
  StepOptions options = Saved(SmallConvNet());
  const auto fp32 = MakeStandardStep(*cpu_, options);
  options.numerics.autocast = Numerics::Autocast::kBfloat16;
  const auto bf16 = MakeStandardStep(*cpu_, options);
  for (int i = 0; i < 3; ++i) {
    fp32->Run();
    bf16->Run();
    EXPECT_NEAR(fp32->Loss(), bf16->Loss(), 0.05);
  }
  EXPECT_NE(fp32->Loss(), bf16->Loss());
}

// A module whose logits grow with a buffer that counts its passes.
TEST_F(Script, BuffersAreStateThatOriginalCopiesBack) {
  const StepOptions options = Saved({.code = R"(
def forward(self, x: Tensor):
    self.passes.add_(1)
    return torch.linear(x, self.weight) * (self.passes + 1)
)",
                                     .parameters = {{"weight", {6, 10}}},
                                     .buffers = {{"passes", {1}}}},
                                    {10});
  const auto standard = MakeStandardStep(*cpu_, options);
  const auto original = MakeOriginalStep(*cpu_, options);
  standard->Run();
  original->Run();
  const double first_standard = standard->Loss();
  const double first_original = original->Loss();
  for (int i = 0; i < 3; ++i) {
    standard->Run();
    original->Run();
  }
  EXPECT_GT(std::abs(standard->Loss() - first_standard), 0.01);
  EXPECT_NEAR(original->Loss(), first_original, 1e-5);
}

TEST_F(Script, FrozenAndUnusedParametersStayAsTheyAre) {
  for (const auto make : {MakeStandardStep, MakeOriginalStep, MakeTunedStep}) {
    const auto step = make(
        *cpu_, Saved({.code = "def forward(self, x: Tensor):\n    return torch.matmul(x, self.used) + self.frozen\n",
                      .parameters = {{"used", {10, 3}}, {"unused", {7}}},
                      .frozen = {{"frozen", {3}}}},
                     {10}));
    for (int i = 0; i < 3; ++i) step->Run();
    EXPECT_TRUE(std::isfinite(step->Loss()));
    EXPECT_EQ(step->ParameterCount(), 37u);
  }
}

TEST_F(Script, WhatCannotBeTrainedIsRefusedWithTheRemedy) {
  const ScriptSource::Tensors weight{{"weight", {6, 10}}};
  struct Case {
    std::string body;
    std::string reason;
    std::string remedy;
    ScriptSource::Tensors parameters;
    bool in_float64 = false;
  };
  const Case cases[] = {
      {"return torch.linear(x, self.weight), x", "returns a value of type Tuple[Tensor, Tensor]", "[4, classes] alone",
       weight},
      {"return torch.linear(x, self.weight)[0]", "returns a tensor of shape [6] and type Float", "[4, classes]",
       weight},
      {"return torch.argmax(torch.linear(x, self.weight), 1, True)", "shape [4, 1] and type Long", "logits", weight},
      {"return torch.linear(x, self.weight)[:, :1]", "logits of one class", "2 or more", weight},
      {"return torch.linear(x, self.weight).detach()", "depend on no trainable parameter", "torch.no_grad", weight},
      {"return torch.linear(x[:, :9], self.weight)", "fails on a batch of shape [4, 10]: RuntimeError: mat1 and mat2",
       "--input-shape", weight},
      {"assert x.size(1) == 9, \"only for nine\"\n    return torch.linear(x, self.weight)", "only for nine",
       "--input-shape", weight},
      {"return x", "no trainable parameters", "train mode", {}},
      {"return torch.linear(x, self.weight)", "parameter weight is Double", "in float32", weight, true},
  };
  for (const Case& each : cases) {
    const absl::Status status = Train(Saved({.code = "def forward(self, x: Tensor):\n    " + each.body + "\n",
                                             .parameters = each.parameters,
                                             .in_float64 = each.in_float64},
                                            {10}));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const std::string text(status.message());
    EXPECT_THAT(text,
                AllOf(HasSubstr("script: "), HasSubstr(each.reason), HasSubstr(each.remedy), Not(HasSubstr("\n"))));
  }
  EXPECT_THAT(std::string(Train(Saved({.code = "", .parameters = weight})).message()), HasSubstr("no method forward"));
}

// As torch.jit.trace writes it down: a constant where there was the module's flag.
TEST_F(Script, ATraceInEvalModeIsRefused) {
  ScriptSource source = SmallConvNet();
  const std::string flag = "self.training";
  source.code.replace(source.code.find(flag), flag.size(), "False");
  EXPECT_THAT(std::string(Train(Saved(source)).message()), HasSubstr("traced in eval mode"));
  source.code.replace(source.code.find("False"), 5, "True");
  EXPECT_TRUE(Train(Saved(source)).ok());
}

TEST_F(Script, WhatIsNoModuleIsRefused) {
  std::ofstream(File()) << "PK, but no archive";
  for (const std::string& file : {File(), std::string("/nowhere/net.pt")}) {
    const absl::Status status = Train({.batch_size = 4, .script = file, .sample_shape = {10}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(file + " holds no TorchScript module: "), HasSubstr("torch.jit.save")));
  }
}

TEST_F(Script, OutOfMemoryWithinTheModuleStaysThat) {
  const StepOptions options = Saved({.code = R"(
def forward(self, x: Tensor):
    big = torch.zeros([x.size(0), 1000, 1000, 100])
    return torch.linear(x, self.weight) + big.sum()
)",
                                     .parameters = {{"weight", {6, 10}}}},
                                    {10});
  cpu_->LimitMemory(100);
  const absl::Status status = Train(options);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("out of memory: a tensor of"));
}

}  // namespace
}  // namespace rsg::trainer
