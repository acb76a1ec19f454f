#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "parsed_line.hpp"

namespace rsg::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Parsed ParseRun(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"run", "--model", "resnet50", "--bs", "64"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Parse(arguments);
}

TEST(CommandLine, DefaultsAreTheOriginalsButForTheEnd) {
  const Parsed parsed = ParseRun({});
  ASSERT_EQ(parsed.code(), -1) << parsed.err;
  const CommandLine& line = parsed.line();
  EXPECT_EQ(line.verb, Verb::kRun);
  EXPECT_EQ(line.cell.model(), "resnet50");
  EXPECT_EQ(line.cell.batch_size(), 64u);
  EXPECT_EQ(line.cell.image_size(), 224u);
  EXPECT_EQ(line.cell.precision(), v1::PRECISION_FP32);
  EXPECT_EQ(line.cell.memory_format(), v1::MEMORY_FORMAT_NCHW);
  EXPECT_EQ(line.cell.mode(), v1::MODE_STANDARD);
  EXPECT_EQ(line.limits.target_half_width(), 0.005);
  EXPECT_FALSE(line.limits.has_seconds());
  EXPECT_FALSE(line.limits.has_n_batches());
  EXPECT_EQ(line.limits.max_seconds(), 60);
  EXPECT_FALSE(line.limits.has_memory_limit_mib());
  EXPECT_EQ(line.device, "");
  EXPECT_EQ(line.json_lines_fd, -1);
  EXPECT_FALSE(line.json);
}

TEST(CommandLine, TakesWhatTheAgentSays) {
  const int fd = open("/dev/null", O_WRONLY);
  const Parsed parsed = ParseRun({"--size",          "160",
                                  "--precision",     "fp32-strict",
                                  "--memory-format", "nhwc",
                                  "--device",        "cuda:1",
                                  "--seconds",       "12.5",
                                  "--max-seconds",   "120",
                                  "--memory-limit",  "2048",
                                  "--mode",          "original",
                                  "--probe-cache",   "/state/probes.json",
                                  "--json-lines",    std::to_string(fd)});
  ASSERT_EQ(parsed.code(), -1) << parsed.err;
  const CommandLine& line = parsed.line();
  EXPECT_EQ(line.cell.image_size(), 160u);
  EXPECT_EQ(line.cell.precision(), v1::PRECISION_FP32_STRICT);
  EXPECT_EQ(line.cell.memory_format(), v1::MEMORY_FORMAT_NHWC);
  EXPECT_EQ(line.limits.seconds(), 12.5);
  EXPECT_EQ(line.limits.max_seconds(), 120);
  EXPECT_EQ(line.limits.memory_limit_mib(), 2048u);
  EXPECT_EQ(line.device, "cuda:1");
  EXPECT_EQ(line.cell.mode(), v1::MODE_ORIGINAL);
  EXPECT_EQ(line.peak.cache, "/state/probes.json");
  EXPECT_FALSE(line.peak.given.has_value());
  EXPECT_EQ(line.json_lines_fd, fd);
  close(fd);
}

TEST(CommandLine, TunedIsNhwcUnlessSaidOtherwise) {
  EXPECT_EQ(ParseRun({"--mode", "tuned"}).line().cell.memory_format(), v1::MEMORY_FORMAT_NHWC);
  EXPECT_EQ(ParseRun({"--mode", "tuned", "--memory-format", "nchw"}).line().cell.memory_format(),
            v1::MEMORY_FORMAT_NCHW);
  EXPECT_EQ(ParseRun({"--mode", "original"}).line().cell.memory_format(), v1::MEMORY_FORMAT_NCHW);
}

TEST(CommandLine, ProbeTakesDeviceAndPrecision) {
  const CommandLine all = Parse({"probe", "--json"}).line();
  EXPECT_EQ(all.verb, Verb::kProbe);
  EXPECT_TRUE(all.json);
  EXPECT_FALSE(all.probe_precision.has_value());
  const CommandLine one = Parse({"probe", "--device", "cpu", "--precision", "bf16"}).line();
  EXPECT_EQ(one.device, "cpu");
  EXPECT_EQ(one.probe_precision, v1::PRECISION_BF16);
  EXPECT_EQ(Parse({"probe", "--precision", "fp8"}).code(), kExitUsage);
}

TEST(CommandLine, AKnownPeakIsTaken) {
  EXPECT_EQ(ParseRun({"--peak-flops", "312e12"}).line().peak.given, 312e12);
  EXPECT_EQ(ParseRun({"--peak-flops", "-1"}).code(), kExitUsage);
}

TEST(CommandLine, TakesTheOriginalsSpellings) {
  const Parsed parsed = ParseRun({"--fp16", "--n_batches", "100"});
  ASSERT_EQ(parsed.code(), -1) << parsed.err;
  EXPECT_EQ(parsed.line().cell.precision(), v1::PRECISION_FP16);
  EXPECT_EQ(parsed.line().limits.n_batches(), 100u);
  EXPECT_FALSE(parsed.line().limits.has_seconds());
  EXPECT_EQ(ParseRun({"--n_seconds", "20"}).line().limits.seconds(), 20);
  EXPECT_EQ(ParseRun({"--seconds", "1m"}).line().limits.seconds(), 60);
}

TEST(CommandLine, TargetIsAPercentage) {
  const CommandLine line = ParseRun({"--target", "2%"}).line();
  EXPECT_DOUBLE_EQ(line.limits.target_half_width(), 0.02);
  EXPECT_EQ(line.limits.max_seconds(), 60);
  EXPECT_EQ(ParseRun({"--target", "0.5", "--max-seconds", "5m"}).line().limits.max_seconds(), 300);
  EXPECT_FALSE(ParseRun({"--seconds", "3"}).line().limits.has_target_half_width());
  EXPECT_FALSE(ParseRun({"--n_batches", "3"}).line().limits.has_target_half_width());
}

TEST(CommandLine, MaxSecondsBoundsTheDefaultTarget) {
  const CommandLine line = ParseRun({"--max-seconds", "5"}).line();
  EXPECT_EQ(line.limits.target_half_width(), 0.005);
  EXPECT_FALSE(line.limits.has_seconds());
  EXPECT_FALSE(line.limits.has_n_batches());
  EXPECT_EQ(line.limits.max_seconds(), 5);
}

TEST(CommandLine, ThermalGateAndSoakAreOff) {
  EXPECT_EQ(ParseRun({}).line().soak_seconds, 0);
  EXPECT_EQ(ParseRun({}).line().thermal_gate, "");
  const CommandLine line = ParseRun({"--soak", "10m", "--thermal-gate", "/state/thermal"}).line();
  EXPECT_EQ(line.soak_seconds, 600);
  EXPECT_EQ(line.thermal_gate, "/state/thermal");
}

TEST(CommandLine, VerbsTakeJson) {
  EXPECT_EQ(Parse({"info"}).line().verb, Verb::kInfo);
  EXPECT_FALSE(Parse({"info"}).line().json);
  EXPECT_TRUE(Parse({"info", "--json"}).line().json);
  EXPECT_EQ(Parse({"models", "--json"}).line().verb, Verb::kModels);
  EXPECT_TRUE(ParseRun({"--json"}).line().json);
}

TEST(CommandLine, HelpTeachesByExamples) {
  for (const auto& arguments : {std::vector<std::string>{"--help"}, {"run", "--help"}}) {
    const Parsed parsed = Parse(arguments);
    EXPECT_EQ(parsed.code(), 0);
    EXPECT_THAT(parsed.out, HasSubstr("Examples:"));
    EXPECT_THAT(parsed.out, HasSubstr("Exit codes: 0 done"));
  }
}

TEST(CommandLine, HelpOfAVerbHasItsOwnExamplesOnly) {
  for (const char* verb : {"info", "models", "probe"}) {
    const Parsed parsed = Parse({verb, "--help"});
    EXPECT_EQ(parsed.code(), 0);
    EXPECT_THAT(parsed.out, HasSubstr(std::string("Examples:\n  rsg-trainer ") + verb));
    EXPECT_THAT(parsed.out, Not(HasSubstr("rsg-trainer run")));
  }
}

std::string FileWith(const std::string& name, const std::string& content) {
  const std::string file = ::testing::TempDir() + name;
  std::ofstream(file) << content;
  return file;
}

TEST(CommandLine, AScriptIsNamedAfterItsFileAndHashed) {
  const std::string file = FileWith("my net.v2.pt", "abc");
  const Parsed parsed = Parse({"run", "--script", file, "--bs", "4", "--mode", "tuned"});
  ASSERT_EQ(parsed.code(), -1) << parsed.err;
  const CommandLine& line = parsed.line();
  EXPECT_EQ(line.script_file, file);
  EXPECT_EQ(line.cell.model(), "script:my_net.v2");
  EXPECT_EQ(line.cell.script().name(), "my_net.v2");
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(line.cell.script().sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(line.cell.script().bytes(), 3u);
  EXPECT_EQ(line.cell.image_size(), 224u);
  EXPECT_EQ(line.cell.memory_format(), v1::MEMORY_FORMAT_NHWC);
  EXPECT_EQ(Parse({"run", "--script", file, "--bs", "4", "--size", "64"}).line().cell.image_size(), 64u);
  const Parsed flat =
      Parse({"run", "--script", file, "--bs", "4", "--name", "mlp", "--input-shape", "2,10", "--mode", "tuned"});
  ASSERT_EQ(flat.code(), -1) << flat.err;
  EXPECT_EQ(flat.line().cell.model(), "script:mlp");
  EXPECT_THAT(flat.line().cell.script().sample_shape(), ElementsAre(2, 10));
  EXPECT_EQ(flat.line().cell.image_size(), 10u);
  EXPECT_EQ(flat.line().cell.memory_format(), v1::MEMORY_FORMAT_NCHW);
}

TEST(CommandLine, AScriptThatCannotBeTakenIsRefusedWithTheRemedy) {
  const std::string file = FileWith("net.pt", "abc");
  const struct {
    std::vector<std::string> more;
    const char* error;
  } cases[] = {
      {{"--script", "/nowhere/net.pt"}, "script: cannot read /nowhere/net.pt: No such file"},
      {{"--script", ::testing::TempDir()}, "is no regular file; name a file that can be read"},
      {{"--script", FileWith("empty.pt", "")}, "empty.pt is empty; export the module anew"},
      {{"--script", file, "--model", "resnet18"}, "model: given together with --script"},
      {{"--script", file, "--name", "a b"}, "script.name: 'a b' has other characters; use 1 to 64"},
      {{"--script", file, "--size", "5000"}, "size: 5000 is out of range; use 1 to 4096"},
      {{"--script", file, "--size", "64", "--input-shape", "3,64,64"}, "input-shape: given together with --size"},
      {{"--script", file, "--input-shape", "3x64x64"}, "input-shape: '3x64x64' is no list of whole numbers"},
      {{"--script", file, "--input-shape", "10", "--memory-format", "nhwc"}, "use nchw, or declare C,H,W"},
      {{"--model", "resnet18", "--name", "a"}, "name: names a script, and there is none"},
      {{"--model", "resnet18", "--input-shape", "3,64,64"}, "input-shape: of a script, and there is none"},
  };
  for (const auto& each : cases) {
    std::vector<std::string> arguments{"run", "--bs", "2"};
    arguments.insert(arguments.end(), each.more.begin(), each.more.end());
    const Parsed parsed = Parse(arguments);
    EXPECT_EQ(parsed.code(), 2);
    EXPECT_THAT(parsed.err, HasSubstr(each.error));
  }
}

}  // namespace
}  // namespace rsg::trainer
