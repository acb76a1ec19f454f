// What no verb of the trainer takes, and what it says to that; `check`.
#include <gmock/gmock.h>

#include "parsed_line.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;

struct Refused {
  std::vector<std::string> arguments;
  const char* error;
};
class RefusedTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, NamesFieldValueAndRemedy) {
  const Parsed parsed = Parse(GetParam().arguments);
  EXPECT_EQ(parsed.code(), 2);
  EXPECT_THAT(parsed.err, HasSubstr(GetParam().error));
  EXPECT_EQ(parsed.out, "");
}

std::vector<std::string> With(std::vector<std::string> more) {
  more.insert(more.begin(), {"run", "--model", "resnet18", "--bs", "2"});
  return more;
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, RefusedTest,
    ::testing::Values(
        Refused{{"run", "--model", "resnet51", "--bs", "2"}, "model: 'resnet51' is unknown; did you mean 'resnet50'?"},
        Refused{{"run", "--model", "resne", "--bs", "2"}, "model: 'resne' is unknown; did you mean 'resnet18'?"},
        Refused{{"run", "--model", "resnet18", "--bs", "0"}, "batch_size: 0 is out of range; use 1 to 65536"},
        Refused{{"run", "--model", "resnet18", "--bs", "65537"}, "batch_size: 65537 is out of range"},
        Refused{{"run", "--model", "resnet18", "--bs", "-4"}, "--bs"},
        Refused{{"run", "--model", "resnet18", "--bs", "1", "--size", "32"}, "one value a channel"},
        Refused{{"run", "--bs", "2"}, "model: none named; give --model NAME, or --script FILE"},
        Refused{With({"--size", "31"}), "size: 31 is outside"},
        Refused{With({"--precision", "fp8"}), "precision: 'fp8' is unknown; use one of fp32"},
        Refused{With({"--precision", "bf16", "--fp16"}), "precision: bf16 together with --fp16"},
        Refused{With({"--memory-format", "chw"}),
                "memory-format: 'chw' is unknown; did you mean 'nchw'? Known: nchw, nhwc"},
        Refused{With({"--seconds", "soon"}), "seconds: 'soon' is no duration"},
        Refused{With({"--seconds", "0"}), "seconds: 0 is out of range"},
        Refused{With({"--max-seconds", "100000"}), "max_seconds: 100000 is out of range"},
        Refused{With({"--n_batches", "0"}), "n_batches: 0 is out of range"},
        Refused{With({"--seconds", "3", "--n_batches", "3"}), "seconds: given together with n_batches"},
        Refused{With({"--seconds", "3", "--target", "1"}), "seconds: given together with target"},
        Refused{With({"--n_batches", "3", "--target", "1"}), "n_batches: given together with target"},
        Refused{With({"--target", "narrow"}), "target: 'narrow' is no percentage"},
        Refused{With({"--target", "0.001"}), "target: 0.001 % is out of range; use 0.01 to 50 %"},
        Refused{With({"--target", "51%"}), "target: 51 % is out of range"},
        Refused{With({"--memory-limit", "0"}), "memory_limit: 0 is out of range"},
        Refused{With({"--soak", "0.5"}), "soak: 0.5 s is out of range; use 1 s to 1 d"},
        Refused{With({"--soak", "long"}), "soak: 'long' is no duration"},
        Refused{With({"--soak", "9", "--mode", "original"}), "soak: mode original knows none"},
        Refused{With({"--target", "1", "--mode", "original"}), "target: mode original ends by time or steps alone"},
        Refused{With({"--mode", "fast"}), "mode: 'fast' is unknown; use one of standard, original, tuned"},
        Refused{With({"--json-lines", "1"}), "json-lines: 1 is in use for text; give 3 or above"},
        Refused{With({"--json-lines", "999"}), "json-lines: descriptor 999 is not open for writing"},
        Refused{With({"--colour", "red"}), "rsg-trainer: '--colour' is no option of 'rsg-trainer run'"},
        Refused{With({"--precison", "fp32"}), "did you mean '--precision'?\nsee 'rsg-trainer run --help'\n"},
        Refused{With({"--size", "-1"}), "--size: '-1' is not taken; write a whole number, 0 or more"},
        Refused{With({"--size", "99999999999"}), "--size: '99999999999' is too large"},
        Refused{With({"--peak-flops", "0"}), "--peak-flops: '0' is not taken; use 1 to "},
        Refused{{"fly"},
                "rsg-trainer: 'fly' is no command of 'rsg-trainer'; use one of run, info, models, probe, check"},
        Refused{{"inof"}, "did you mean 'info'?"},
        Refused{{}, "rsg-trainer: 'rsg-trainer' needs a command; use one of run, info, models, probe, check"}));

TEST(CommandLine, CheckTakesAModelAloneAndEachFigureOfTheFill) {
  const Parsed alone = Parse({"check", "--model", "swin_s3_base_224"});
  ASSERT_EQ(alone.code(), -1) << alone.err;
  EXPECT_EQ(alone.line().verb, Verb::kCheck);
  EXPECT_EQ(alone.line().cell.model(), "swin_s3_base_224");
  EXPECT_EQ(alone.line().cell.batch_size(), 2u);
  EXPECT_EQ(alone.line().cell.image_size(), 224u);
  EXPECT_EQ(alone.line().seed, 0u);
  const Parsed all =
      Parse({"check", "--model", "resnet18", "--batch", "3", "--size", "65", "--seed", "18446744073709551615"});
  ASSERT_EQ(all.code(), -1) << all.err;
  EXPECT_EQ(all.line().cell.batch_size(), 3u);
  EXPECT_EQ(all.line().cell.image_size(), 65u);
  EXPECT_EQ(all.line().seed, 18446744073709551615u);
}

TEST(CommandLine, CheckRefusesWhatDoesNotFitAModel) {
  const auto refused = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"check"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Parsed parsed = Parse(arguments);
    EXPECT_EQ(parsed.code(), kExitUsage);
    return parsed.err;
  };
  EXPECT_THAT(refused({"--model", "resnet51"}), HasSubstr("resnet51"));
  EXPECT_THAT(refused({"--model", "vit_small_patch16_224", "--size", "65"}), HasSubstr("use a multiple of 16"));
  EXPECT_THAT(refused({"--model", "resnet18", "--batch", "0"}), HasSubstr("use 1 to 65536"));
  EXPECT_THAT(refused({"--model", "resnet18", "--batch", "1", "--size", "32"}), HasSubstr("batch norm"));
}

TEST(CommandLine, CheckExplainsHowToMakeTheSameStepElsewhere) {
  const Parsed help = Parse({"check", "--help"});
  EXPECT_EQ(help.code(), kExitDone);
  for (const char* part : {"timm", "fnv1a64", "splitmix64", "sqrt(3 / fan_in)", "weight decay 5e-5"})
    EXPECT_THAT(help.out, HasSubstr(part));
}

}  // namespace
}  // namespace rsg::trainer
