#include "coordinator/cli/sweep_expression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/cells.hpp"
#include "common/models.hpp"
#include "coordinator/cli/number_list.hpp"
#include "coordinator/cli/preset.hpp"

namespace rsg::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const SweepFields& fields) {
  const auto spec = ParseSweep(fields);
  EXPECT_FALSE(spec.ok()) << "was taken";
  EXPECT_TRUE(spec.ok() || absl::IsInvalidArgument(spec.status()));
  return std::string(spec.status().message());
}

std::string BatchError(const std::string& text) { return ErrorOf({{"models", "resnet18"}, {"bs", text}}); }

std::vector<std::uint32_t> Batches(const std::string& text) {
  const auto numbers = ParseNumbers(text, {.field = "bs", .min = 1, .max = 65536});
  EXPECT_TRUE(numbers.ok()) << text << ": " << numbers.status();
  return numbers.value_or(std::vector<std::uint32_t>{});
}

TEST(NumberList, DoublesStepsAndListsMix) {
  EXPECT_THAT(Batches("8"), ElementsAre(8));
  EXPECT_THAT(Batches("8,16"), ElementsAre(8, 16));
  EXPECT_THAT(Batches("8..64"), ElementsAre(8, 16, 32, 64));
  EXPECT_THAT(Batches("8..4096"), ElementsAre(8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096));
  EXPECT_THAT(Batches("8..32+8"), ElementsAre(8, 16, 24, 32));
  EXPECT_THAT(Batches("1,2, 8..32 ,48..64+16"), ElementsAre(1, 2, 8, 16, 32, 48, 64));
  EXPECT_THAT(Batches("7..7"), ElementsAre(7));
}

TEST(NumberList, RangeEndsAtItsLastWholeStep) {
  EXPECT_THAT(Batches("8..100"), ElementsAre(8, 16, 32, 64));
  EXPECT_THAT(Batches("1..10+4"), ElementsAre(1, 5, 9));
}

TEST(NumberList, DoublingAtTheTopOfTheRangeDoesNotOverflow) {
  const auto numbers = ParseNumbers("2147483648..4294967295", {.field = "n"});
  ASSERT_TRUE(numbers.ok());
  EXPECT_THAT(*numbers, ElementsAre(2147483648U));
}

TEST(NumberList, MistakesNameFieldValueAndRemedy) {
  EXPECT_EQ(BatchError("0"), "bs: '0' is out of range; use 1 to 65536");
  EXPECT_EQ(BatchError("8..4"), "bs: '8..4' runs downwards; write 4..8");
  EXPECT_EQ(BatchError("8,8"), "bs: 8 stands twice; name each once");
  EXPECT_EQ(BatchError("8..64,16"), "bs: 16 stands twice; name each once");
  EXPECT_EQ(BatchError("65537"), "bs: '65537' is out of range; use 1 to 65536");
  EXPECT_EQ(BatchError("99999999999999999999999"), "bs: '99999999999999999999999' is out of range; use 1 to 65536");
  EXPECT_EQ(BatchError("8..64+0"), "bs: '8..64+0' has step 0; use a step of 1 or more");
  EXPECT_EQ(BatchError("1..65536+1"),
            "bs: '1..65536+1' stands for 65536 numbers; at most 256 are taken; use a larger step");
  EXPECT_EQ(BatchError("8,,16"), "bs: an entry is empty; separate the entries by single commas");
  for (const char* text : {"", ",", "8,", "-8", "+8", "8.5", "8...64", "..", "8..", "..8", "8..64+", "8..64+-1", "0x8",
                           "1e3", "8 16", "8..16..32", "8+8", "\xff", "eight"})
    EXPECT_THAT(BatchError(text), HasSubstr("bs: ")) << text;
}

TEST(NumberList, MistakesAreSafeToPrintAndShort) {
  EXPECT_THAT(BatchError("\x1b[2J\n8"), Not(HasSubstr("\x1b")));
  EXPECT_LT(BatchError(std::string(100'000, 'x')).size(), 300u);
  EXPECT_LT(BatchError(std::string(100'000, '9')).size(), 300u);
  std::string many = "1";
  for (int i = 2; i < 500; ++i) many.append(",").append(std::to_string(i));
  EXPECT_THAT(BatchError(many), HasSubstr("256"));
}

TEST(SweepExpression, EveryFieldReachesTheSpec) {
  const auto spec = ParseSweep({{"models", "resnet18, resnet50"},
                                {"bs", "8..16"},
                                {"precision", "fp32,FP16"},
                                {"size", "64,224"},
                                {"memory-format", "nchw,nhwc"},
                                {"seconds", "1.5m"},
                                {"mode", "Tuned"},
                                {"control", "false"},
                                {"max-seconds", "5m"},
                                {"memory-limit", "600"},
                                {"repeats", "3"},
                                {"device", "gpu"},
                                {"gpu", "RTX 3090"},
                                {"agents", "a,b"},
                                {"machines", "3"},
                                {"open-for", "2h"},
                                {"name", "Ärger, first try"}});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->models(), ElementsAre("resnet18", "resnet50"));
  EXPECT_THAT(spec->batch_sizes(), ElementsAre(8, 16));
  EXPECT_THAT(spec->precisions(), ElementsAre(v1::PRECISION_FP32, v1::PRECISION_FP16));
  EXPECT_THAT(spec->image_sizes(), ElementsAre(64, 224));
  EXPECT_THAT(spec->memory_formats(), ElementsAre(v1::MEMORY_FORMAT_NCHW, v1::MEMORY_FORMAT_NHWC));
  EXPECT_EQ(spec->mode(), v1::MODE_TUNED);
  EXPECT_TRUE(spec->has_control());
  EXPECT_FALSE(spec->control());
  EXPECT_EQ(spec->limits().seconds(), 90);
  EXPECT_FALSE(spec->limits().has_n_batches());
  EXPECT_EQ(spec->limits().max_seconds(), 300);
  EXPECT_EQ(spec->limits().memory_limit_mib(), 600u);
  EXPECT_EQ(spec->repeats(), 3u);
  EXPECT_EQ(spec->devices().kind(), v1::DEVICE_KIND_GPU);
  EXPECT_EQ(spec->devices().gpu(), "RTX 3090");
  EXPECT_THAT(spec->devices().agents(), ElementsAre("a", "b"));
  EXPECT_EQ(spec->devices().machines(), 3u);
  EXPECT_EQ(spec->devices().open_for_seconds(), 7200);
  EXPECT_EQ(spec->name(), "Ärger, first try");
  EXPECT_EQ(CountCells(*spec), 2u * 2 * 2 * 2 * 2 * 3);
}

TEST(SweepExpression, WhatIsNotSaidIsLeftToTheCoordinator) {
  const auto spec = ParseSweep({{"models", "resnet18"}, {"bs", "8"}});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(spec->precisions().empty());
  EXPECT_TRUE(spec->image_sizes().empty());
  EXPECT_FALSE(spec->has_limits());
  EXPECT_FALSE(spec->has_devices());
  EXPECT_EQ(spec->mode(), v1::MODE_UNSPECIFIED);
  EXPECT_FALSE(spec->has_control());
  EXPECT_EQ(CountCells(*spec), 1u);
}

TEST(SweepExpression, TargetIsAPercentage) {
  const auto target = [](const char* text) {
    const auto spec = ParseSweep({{"models", "resnet18"}, {"bs", "8"}, {"target", text}});
    EXPECT_TRUE(spec.ok()) << spec.status();
    return spec.ok() ? spec->limits().target_half_width() : 0;
  };
  EXPECT_DOUBLE_EQ(target("0.5"), 0.005);
  EXPECT_DOUBLE_EQ(target("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(target("2 %"), 0.02);
  EXPECT_DOUBLE_EQ(target("0.01"), 0.0001);
  EXPECT_DOUBLE_EQ(target("50"), 0.5);
  const auto error = [](const char* text) { return ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"target", text}}); };
  EXPECT_EQ(error("0"), "target: '0' is out of range; use 0.01 to 50 percent");
  EXPECT_THAT(error("51%"), HasSubstr("out of range"));
  EXPECT_THAT(error("-1"), HasSubstr("out of range"));
  EXPECT_THAT(error("nan"), HasSubstr("out of range"));
  EXPECT_THAT(error("1e999"), HasSubstr("target: "));
  for (const char* text : {"", "%", "half", "0.5%%", "0.5 % x", "0,5", " 0.5", "0x1"})
    EXPECT_THAT(error(text), HasSubstr("is no percentage")) << text;
  EXPECT_THAT(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"target", "1"}, {"seconds", "5"}}),
              HasSubstr("target: given together"));
  EXPECT_THAT(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"target", "1"}, {"n-batches", "5"}}),
              HasSubstr("target: given together"));
  EXPECT_EQ(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"target", "1"}, {"mode", "original"}}),
            "target: mode original ends by time or steps alone; leave it out; give seconds (default 30) or n-batches");
}

TEST(SweepExpression, UnknownWordsAreAnsweredWithTheNearest) {
  EXPECT_THAT(ErrorOf({{"models", "resnet51"}, {"bs", "8"}}),
              AllOf(HasSubstr("models: 'resnet51' is unknown; did you mean 'resnet50'?"), HasSubstr("resnet18")));
  EXPECT_THAT(ErrorOf({{"models", "gpt"}, {"bs", "8"}}), HasSubstr("models: 'gpt' is unknown; use one of resnet18"));
  EXPECT_EQ(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"precision", "fp17"}}),
            "precision: 'fp17' is unknown; did you mean 'fp16'? Known: fp32, fp32-strict, tf32, fp16, bf16");
  EXPECT_EQ(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"memory-format", "nwhc"}}),
            "memory-format: 'nwhc' is unknown; did you mean 'nhwc'? Known: nchw, nhwc");
  EXPECT_EQ(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"device", "tpu"}}),
            "device: 'tpu' is unknown; did you mean 'gpu'? Known: gpu, cpu");
  EXPECT_EQ(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"mode", "tune"}}),
            "mode: 'tune' is unknown; did you mean 'tuned'? Known: standard, original, tuned");
  EXPECT_THAT(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"control", "no"}}), HasSubstr("control: 'no' is unknown"));
  EXPECT_THAT(ErrorOf({{"model", "resnet18"}}), HasSubstr("'model' is unknown; did you mean 'models'?"));
}

TEST(SweepExpression, RefusesWhatMakesNoSense) {
  const SweepFields good{{"models", "resnet18"}, {"bs", "8"}};
  const auto with = [&good](const char* name, const char* text) {
    SweepFields fields = good;
    fields[name] = text;
    return ErrorOf(fields);
  };
  EXPECT_THAT(ErrorOf({{"bs", "8"}}), HasSubstr("models: none given"));
  EXPECT_THAT(ErrorOf({{"models", "resnet18"}}), HasSubstr("bs: none given"));
  EXPECT_THAT(with("models", "resnet18,resnet18"), HasSubstr("models: 'resnet18' stands twice"));
  EXPECT_THAT(with("precision", "fp32,FP32"), HasSubstr("stands twice"));
  EXPECT_THAT(with("size", "16"), HasSubstr("size: 16"));
  EXPECT_THAT(with("size", "70000"), HasSubstr("size: '70000' is out of range"));
  EXPECT_THAT(with("seconds", "0"), HasSubstr("seconds: '0' is out of range"));
  EXPECT_THAT(with("seconds", "soon"), HasSubstr("seconds: 'soon' is no duration"));
  EXPECT_THAT(with("seconds", "nan"), HasSubstr("seconds: "));
  EXPECT_THAT(with("seconds", "90000"), HasSubstr("seconds: "));
  EXPECT_THAT(with("n-batches", "0"), HasSubstr("n-batches: '0' is out of range"));
  EXPECT_THAT(with("repeats", "101"), HasSubstr("repeats: '101' is out of range; use 1 to 100"));
  EXPECT_THAT(with("machines", "0"), HasSubstr("machines: '0' is out of range"));
  EXPECT_THAT(with("memory-limit", "1.5"), HasSubstr("memory-limit: '1.5' is no whole number"));
  EXPECT_THAT(with("open-for", "2 weeks"), HasSubstr("open-for: '2 weeks' is no duration"));
  EXPECT_THAT(with("name", "\x1b[2J"), HasSubstr("name: "));
  EXPECT_THAT(with("gpu", "\xff\xfe"), HasSubstr("gpu: "));
  EXPECT_THAT(with("name", std::string(129, 'x').c_str()), HasSubstr("name: longer than 128 bytes"));
  EXPECT_THAT(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"device", "cpu"}, {"gpu", "3090"}}), HasSubstr("gpu: "));
  EXPECT_THAT(ErrorOf({{"models", "resnet18"}, {"bs", "8"}, {"seconds", "3"}, {"n-batches", "5"}}),
              HasSubstr("n_batches"));
}

TEST(SweepExpression, HugeSweepsAreBounded) {
  EXPECT_THAT(ErrorOf({{"models", "resnet18,resnet50"}, {"bs", "1..256+1"}, {"size", "64..319+1"}, {"repeats", "100"}}),
              HasSubstr("sweep: 13107200 cells; at most 100000"));
}

TEST(SweepExpression, TextFromOutsideNeverThrows) {
  const std::vector<std::string> texts{"", ",", "\xc3", std::string("\0", 1), "..", "+", std::string(5000, ',')};
  for (const SweepField& field : AllSweepFields())
    for (const std::string& text : texts) {
      SweepFields fields{{"models", "resnet18"}, {"bs", "8"}};
      fields[std::string(field.name)] = text;
      EXPECT_NO_THROW((void)ParseSweep(fields)) << field.name;
    }
}

TEST(Override, WhatEndsAMeasurementIsOneChoice) {
  const SweepFields base{{"bs", "8"}, {"seconds", "30"}};
  EXPECT_EQ(Override(base, {{"n-batches", "5"}}), (SweepFields{{"bs", "8"}, {"n-batches", "5"}}));
  EXPECT_EQ(Override(base, {{"target", "1"}}), (SweepFields{{"bs", "8"}, {"target", "1"}}));
  EXPECT_EQ(Override({{"target", "1"}}, {{"seconds", "5"}}), (SweepFields{{"seconds", "5"}}));
  EXPECT_EQ(Override(base, {{"bs", "4"}}), (SweepFields{{"bs", "4"}, {"seconds", "30"}}));
}

TEST(Preset, OriginalNamesTheModelsThatAreMissingOrIsItsWholeMatrix) {
  std::vector<std::string> missing;
  for (const char* model : {"resnet50", "vgg19", "swin_s3_base_224"})
    if (FindModel(model) == nullptr) missing.emplace_back(model);
  const auto fields = ApplyPreset("original", {});
  if (missing.empty()) {
    ASSERT_TRUE(fields.ok()) << fields.status();
    EXPECT_EQ(fields->at("models"), "resnet50,vgg19,swin_s3_base_224");
    EXPECT_TRUE(ParseSweep(*fields).ok());
    return;
  }
  ASSERT_TRUE(absl::IsInvalidArgument(fields.status()));
  for (const std::string& model : missing) EXPECT_THAT(std::string(fields.status().message()), HasSubstr(model));
}

TEST(Preset, OriginalMeasuresTheGivenModelsAsTheOriginalDid) {
  const auto fields = ApplyPreset("original", {{"models", "resnet50"}});
  ASSERT_TRUE(fields.ok()) << fields.status();
  const auto spec = ParseSweep(*fields);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->models(), ElementsAre("resnet50"));
  EXPECT_EQ(spec->batch_sizes_size(), 10);
  EXPECT_THAT(spec->precisions(), ElementsAre(v1::PRECISION_FP32, v1::PRECISION_FP16));
  EXPECT_EQ(spec->limits().seconds(), 30);
}

TEST(Preset, FlagsStandInThePlaceOfThePresets) {
  const auto fields = ApplyPreset("original", {{"models", "resnet50"}, {"bs", "8"}, {"n-batches", "5"}});
  ASSERT_TRUE(fields.ok()) << fields.status();
  EXPECT_EQ(fields->at("bs"), "8");
  EXPECT_FALSE(fields->contains("seconds"));
}

TEST(Preset, UnknownOneIsRefused) {
  EXPECT_THAT(std::string(ApplyPreset("orignal", {}).status().message()), HasSubstr("did you mean 'original'?"));
}

}  // namespace
}  // namespace rsg::cli
