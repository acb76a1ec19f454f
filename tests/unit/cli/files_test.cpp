// YAML: sweep files and the configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "coordinator/cli/config.hpp"
#include "coordinator/cli/sweep_file.hpp"

namespace rsg::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string SweepError(const std::string& yaml) {
  const auto file = ParseSweepFile(yaml, "s.yaml");
  EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << yaml;
  return std::string(file.status().message());
}

TEST(SweepFile, KeysAreTheFlagsAndListsAreCommaLists) {
  const auto file = ParseSweepFile(
      "# a comment\n"
      "models: [resnet18, resnet50]\n"
      "bs:\n"
      "  - 1\n"
      "  - 8..64\n"
      "memory-format: nchw,nhwc\n"
      "seconds: 30s\n"
      "gpu: \"RTX 3090\"\n"
      "open-for: 2h\n",
      "s.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->fields, (SweepFields{{"models", "resnet18,resnet50"},
                                       {"bs", "1,8..64"},
                                       {"memory-format", "nchw,nhwc"},
                                       {"seconds", "30s"},
                                       {"gpu", "RTX 3090"},
                                       {"open-for", "2h"}}));
  EXPECT_FALSE(file->preset.has_value());
  EXPECT_TRUE(ParseSweep(file->fields).ok());
}

TEST(SweepFile, TakesTargetModeAndControl) {
  const auto file = ParseSweepFile("models: resnet18\nbs: 8\ntarget: 0.5 %\nmode: tuned\ncontrol: false\n", "s.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto spec = ParseSweep(file->fields);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_DOUBLE_EQ(spec->limits().target_half_width(), 0.005);
  EXPECT_EQ(spec->mode(), v1::MODE_TUNED);
  EXPECT_FALSE(spec->control());
}

TEST(SweepFile, MayNameAPreset) {
  const auto file = ParseSweepFile("preset: original\nmodels: resnet50\n", "s.yaml");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->preset, "original");
}

TEST(SweepFile, EmptyDocumentHasNoFields) {
  const auto file = ParseSweepFile("# nothing\n", "s.yaml");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->fields.empty());
}

TEST(SweepFile, MistakesNameTheLine) {
  EXPECT_THAT(SweepError("models: resnet18\nmemory_format: nchw\n"),
              StartsWith("s.yaml:2: 'memory_format' is unknown; did you mean 'memory-format'?"));
  EXPECT_THAT(SweepError("models: resnet18\n\nzzz: 1\n"), StartsWith("s.yaml:3: 'zzz' is unknown; use one of "));
  EXPECT_THAT(SweepError("bs: 8\nbs: 16\n"), StartsWith("s.yaml:2: 'bs' stands twice"));
  EXPECT_THAT(SweepError("models: resnet18\nbs:\n"), StartsWith("s.yaml:2: 'bs' has no value"));
  EXPECT_THAT(SweepError("bs: []\n"), StartsWith("s.yaml:1: 'bs' is an empty list"));
  EXPECT_THAT(SweepError("bs:\n  from: 8\n"), AllOf(StartsWith("s.yaml:2: "), HasSubstr("'bs' takes")));
  EXPECT_THAT(SweepError("bs:\n  - [8]\n"), StartsWith("s.yaml:2: 'bs' takes"));
  EXPECT_THAT(SweepError("models: resnet18\nbs: [8, 16\n"), StartsWith("s.yaml:"));
  EXPECT_THAT(SweepError("- a\n- b\n"), StartsWith("s.yaml:1: not a map"));
  EXPECT_THAT(SweepError("just text"), StartsWith("s.yaml:1: not a map"));
  EXPECT_THAT(SweepError("models: \xff\n"), HasSubstr("no UTF-8"));
  EXPECT_THAT(SweepError("[a, b]: c\n"), StartsWith("s.yaml:1: a key is no plain text"));
}

TEST(SweepFile, HostileYamlIsAnErrorNotACrash) {
  EXPECT_THAT(SweepError(std::string(20'000, '[')), StartsWith("s.yaml"));
  EXPECT_THAT(SweepError("a: &a [*a]\n"), StartsWith("s.yaml"));
  EXPECT_THAT(SweepError("bs: *nobody\n"), StartsWith("s.yaml"));
}

TEST(Config, KnownKeysAreRead) {
  const auto config = ParseConfig("operator_file: /o\noutput: json\ncolor: never\nagent_program: /a\n", "config.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->operator_file, "/o");
  EXPECT_EQ(config->output, "json");
  EXPECT_EQ(config->color, "never");
  EXPECT_EQ(config->agent_program, "/a");
}

TEST(Config, UnknownKeysAreRefusedWithTheNearest) {
  const auto config = ParseConfig("output: json\noperator-file: /o\n", "config.yaml");
  EXPECT_THAT(std::string(config.status().message()),
              StartsWith("config.yaml:2: 'operator-file' is unknown; did you mean 'operator_file'?"));
}

TEST(Config, BadYamlNamesTheLine) {
  const auto config = ParseConfig("output: json\n  color: : x\n", "config.yaml");
  EXPECT_THAT(std::string(config.status().message()), StartsWith("config.yaml:2: "));
}

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "rsg-config-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Environment With(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
  }

  std::filesystem::path folder_;
};

TEST_F(ConfigFile, IsOptional) {
  const auto config = LoadConfig(With({{"HOME", folder_}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->operator_file.has_value());
}

TEST_F(ConfigFile, XdgConfigHomeComesBeforeHome) {
  EXPECT_EQ(ConfigPath(With({{"HOME", "/h"}})), "/h/.config/rsg/config.yaml");
  EXPECT_EQ(ConfigPath(With({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/x"}})), "/x/rsg/config.yaml");
  EXPECT_EQ(ConfigPath(With({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "relative"}})), "/h/.config/rsg/config.yaml");
}

TEST_F(ConfigFile, PathsMayBeginAtHome) {
  std::filesystem::create_directories(folder_ / ".config/rsg");
  std::ofstream(folder_ / ".config/rsg/config.yaml") << "operator_file: ~/operator\n";
  const auto config = LoadConfig(With({{"HOME", folder_}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->operator_file, (folder_ / "operator").string());
}

}  // namespace
}  // namespace rsg::cli
