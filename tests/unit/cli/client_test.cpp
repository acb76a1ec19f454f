// Where the operator's line is looked for, and calls of a coordinator that says what the test wants.
#include "coordinator/cli/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "coordinator/cli/sweep_submit.hpp"
#include "fake_control.hpp"

namespace rsg::cli {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

using ClientTest = FakeCoordinatorTest;

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

TEST_F(ClientTest, TheListOfTenThousandAgentsArrives) {
  const auto agents = client_->Call(&v1::Control::Stub::ListAgents, v1::ListAgentsRequest());
  ASSERT_TRUE(agents.ok()) << agents.status();
  EXPECT_EQ(agents->agents_size(), 10'000);
}

TEST_F(ClientTest, SweepNowIsTheFirstState) {
  control_.watches = {[](grpc::ServerContext* context, Writer* writer) {
    writer->Write(Status(v1::SWEEP_STATE_RUNNING, 1));
    return WaitForCancel(context);
  }};
  const auto now = client_->SweepNow("s7");
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->counts().completed(), 1u);
}

TEST_F(ClientTest, SubmitIsRepeatedUnderOneRequestId) {
  control_.refusals = 1;
  const auto reply = SubmitSweep(client_.get(), {}, false);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->sweep_id(), "s7");
  ASSERT_THAT(control_.request_ids, SizeIs(2));
  EXPECT_EQ(control_.request_ids[0], control_.request_ids[1]);
  EXPECT_THAT(control_.request_ids[0], SizeIs(32));
  EXPECT_EQ(control_.authorization, "Bearer secret");
}

TEST_F(ClientTest, SubmitRefusesCsvForWhatIsFollowed) {
  for (const char* how : {"--watch", "--wait"}) {
    CLI::App app;
    int exit_code = -1;
    AddSweepSubmit(app, exit_code);
    testing::internal::CaptureStderr();
    app.parse(std::string("submit --models resnet18 --bs 8 -o csv ") + how);
    EXPECT_EQ(exit_code, 2);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("csv"));
  }
  EXPECT_THAT(control_.request_ids, SizeIs(0));
}

TEST_F(ClientTest, UnreachableCoordinatorIsNamedWithARemedy) {
  server_->Shutdown(std::chrono::system_clock::now());
  const auto reply = client_->Call(&v1::Control::Stub::ListAgents, v1::ListAgentsRequest());
  EXPECT_TRUE(absl::IsUnavailable(reply.status())) << reply.status();
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr(client_->address()));
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr("rsg serve"));
}

}  // namespace
}  // namespace rsg::cli
