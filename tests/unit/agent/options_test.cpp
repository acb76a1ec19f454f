#include "agent/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <vector>

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class OptionsTest : public ::testing::Test {
 protected:
  void SetUp() override { unsetenv("RSG_DRAIN_LIMIT"); }
  void TearDown() override { unsetenv("RSG_DRAIN_LIMIT"); }

  std::string TextOf(std::vector<std::string> arguments, int code) {
    arguments.insert(arguments.begin(), "rsg-agent");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    const auto early = ReadOptions(static_cast<int>(argv.size()), argv.data(), &options_);
    EXPECT_EQ(early ? early->code : -1, code);
    return early ? early->text : "";
  }

  Options options_;
};

TEST_F(OptionsTest, MistakesNameTheProgramTheWordAndTheNearest) {
  EXPECT_EQ(TextOf({"--drain-limt", "8s"}, 2),
            "rsg-agent: '--drain-limt' is no option of 'rsg-agent'; did you mean '--drain-limit'?\n"
            "see 'rsg-agent --help'\n");
  EXPECT_THAT(TextOf({"go"}, 2), StartsWith("rsg-agent: 'go' is one word too many for 'rsg-agent'\n"));
}

TEST_F(OptionsTest, ABadDrainLimitNamesWhereItCameFrom) {
  EXPECT_THAT(TextOf({"--drain-limit", "zz"}, 2), StartsWith("rsg-agent: --drain-limit: 'zz' is no duration"));
  setenv("RSG_DRAIN_LIMIT", "zz", 1);
  EXPECT_THAT(TextOf({}, 2), StartsWith("rsg-agent: RSG_DRAIN_LIMIT: 'zz' is no duration"));
  EXPECT_EQ(TextOf({"--drain-limit", "8s"}, -1), "");
  EXPECT_EQ(options_.drain_limit_seconds, 8);
  setenv("RSG_DRAIN_LIMIT", "2m", 1);
  EXPECT_EQ(TextOf({}, -1), "");
  EXPECT_EQ(options_.drain_limit_seconds, 120);
}

TEST_F(OptionsTest, HelpTellsWhatItsExitCodesMean) {
  const std::string help = TextOf({"--help"}, 0);
  EXPECT_THAT(help, HasSubstr("RSG_JOIN=... rsg-agent\n"));
  EXPECT_THAT(help, HasSubstr("3 refused or superseded: do not start it again as it is"));
}

}  // namespace
}  // namespace rsg::agent
