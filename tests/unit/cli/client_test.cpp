// Where the operator's line is looked for. The calls are tested with a coordinator, tests/integration/server.
#include "coordinator/cli/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace rsg::cli {
namespace {

TEST(OperatorLine, AFileThatCannotBeReadIsNamedWithTheConfigurationThatNamesIt) {
  unsetenv("RSG_OPERATOR");
  setenv("XDG_CONFIG_HOME", "/h", 1);
  Config config;
  config.operator_file = "/nowhere/operator";
  const auto message = [&](const std::string& flag) {
    return std::string(FindOperatorLine(flag, config).status().message());
  };
  EXPECT_THAT(message(""), testing::StartsWith("/h/rsg/config.yaml: operator_file: cannot read /nowhere/operator: "));
  EXPECT_THAT(message("/nowhere/else"), testing::StartsWith("cannot read /nowhere/else: "));
  unsetenv("XDG_CONFIG_HOME");
}

}  // namespace
}  // namespace rsg::cli
