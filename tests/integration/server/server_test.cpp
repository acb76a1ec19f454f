// Agents over real gRPC and TLS: enrolled, given work, acknowledged, fenced, let in or not.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.hpp"
#include "common/secret.hpp"
#include "common/tls.hpp"
#include "coordinator/store/reader.hpp"
#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

class Agents : public ServerTest {
 protected:
  void SetUp() override { Start(); }
  std::uint32_t StoredWindows(std::int64_t sweep, std::int64_t job) {
    const auto reader = store::Reader::Open(folder_.path() / "state" / "rsg.db");
    const auto page = (*reader)->JobsPage(sweep, job - 1, 1);
    return page->jobs.at(0).windows_stored();
  }
};

TEST_F(Agents, WorkFromEnrolmentToResult) {
  TestAgent agent(server_->join_line(), "one", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  const auto welcome = agent.Next([](const auto&) { return true; });
  ASSERT_TRUE(welcome && welcome->has_welcome());
  EXPECT_EQ(welcome->welcome().settings().heartbeat_seconds(), 0.5);
  EXPECT_EQ(Submit(2).jobs(), 2u);
  const v1::Assign first = agent.NextAssign();
  agent.Say(MakeStarted(first));
  agent.Say(MakeWindows(first, 1, 4));
  EXPECT_EQ(agent.NextAck(), 4u);
  EXPECT_EQ(StoredWindows(1, 1), 4u) << "acknowledged, so stored";
  agent.Say(MakeFinished(first, 4));
  EXPECT_TRUE(agent.CompleteOne());
  std::vector<v1::ResultRow> rows;
  EXPECT_TRUE(Stream(&v1::Control::Stub::QueryResults, v1::QueryResultsRequest(), &rows).ok());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].job().agent_name(), "one");
  EXPECT_EQ(rows[0].result().throughput(), 4);
  EXPECT_EQ(Status("s1").state(), v1::SWEEP_STATE_COMPLETED);
  EXPECT_TRUE(agent.Leave().ok());
}

TEST_F(Agents, StaleTokenChangesNothing) {
  TestAgent agent(server_->join_line(), "one", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  Submit(1);
  v1::Assign stale = agent.NextAssign();
  stale.set_lease_token(std::string(32, 'f'));
  agent.Say(MakeWindows(stale, 1, 4));
  const auto cancel = agent.Next([](const auto& m) { return m.has_cancel(); });
  ASSERT_TRUE(cancel);
  EXPECT_EQ(cancel->cancel().lease_token(), stale.lease_token());
  agent.Say(MakeFinished(stale, 0));
  EXPECT_FALSE(agent.Next([](const auto& m) { return m.has_finished_ack(); })->finished_ack().accepted());
  EXPECT_EQ(StoredWindows(1, 1), 0u);
}

TEST_F(Agents, RestartOfTheCoordinatorResumes) {
  TestAgent agent(server_->join_line(), "one", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  Submit(1);
  const v1::Assign assign = agent.NextAssign();
  agent.Say(MakeWindows(assign, 1, 4));
  EXPECT_EQ(agent.NextAck(), 4u);
  const std::string join_line = server_->join_line();
  Stop();
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::UNAVAILABLE);
  Start();
  EXPECT_EQ(server_->join_line(), join_line) << "same port, same token, same CA";
  agent.Dial(join_line);
  agent.Attach({InHand(assign, 6)});
  EXPECT_EQ(agent.NextAck(), 4u);
  agent.Say(MakeWindows(assign, 5, 6));
  agent.Say(MakeFinished(assign, 6));
  EXPECT_TRUE(agent.Next([](const auto& m) { return m.has_finished_ack(); })->finished_ack().accepted());
  EXPECT_EQ(StoredWindows(1, 1), 6u);
}

TEST_F(Agents, BrokenStreamIsNoticedAndResumed) {
  TestAgent agent(server_->join_line(), "one", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  Submit(1);
  const v1::Assign assign = agent.NextAssign();
  agent.Break();
  agent.Attach();
  EXPECT_EQ(agent.NextAssign().lease_token(), assign.lease_token()) << "the offer is made again";
}

TEST_F(Agents, NewerSessionOfACredentialClosesTheOlder) {
  TestAgent agent(server_->join_line(), "one", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  agent.Next([](const auto& m) { return m.has_welcome(); });
  TestAgent clone(server_->join_line(), "one", 2);
  clone.secret = agent.secret;
  clone.Attach();
  ASSERT_TRUE(clone.Next([](const auto& m) { return m.has_welcome(); }));
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::ABORTED);
}

TEST_F(Agents, CredentialsOpenOnlyTheirOwnService) {
  TestAgent agent(server_->join_line(), "one", 1);
  agent.Attach();
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::UNAUTHENTICATED) << "not enrolled";
  agent.secret = operator_.secret;
  agent.Attach();
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::UNAUTHENTICATED) << "the operator is no agent";
  TestAgent enrolled(server_->join_line(), "two", 2);
  ASSERT_TRUE(enrolled.Enrol().ok());
  v1::ListAgentsResponse agents;
  operator_.secret = enrolled.secret;
  EXPECT_EQ(Call(&v1::Control::Stub::ListAgents, v1::ListAgentsRequest(), &agents).error_code(),
            grpc::StatusCode::UNAUTHENTICATED)
      << "an agent is no operator";
  std::vector<v1::SweepStatus> statuses;
  EXPECT_EQ(Stream(&v1::Control::Stub::WatchSweep, v1::WatchSweepRequest(), &statuses).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  std::vector<v1::ResultRow> rows;
  EXPECT_EQ(Stream(&v1::Control::Stub::QueryResults, v1::QueryResultsRequest(), &rows).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  std::vector<v1::Job> jobs;
  v1::ListJobsRequest list;
  list.set_sweep_id("s1");
  EXPECT_EQ(Stream(&v1::Control::Stub::ListJobs, list, &jobs).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(Agents, WithoutAnyCredentialAreRefused) {
  const auto stub = v1::Fleet::NewStub(MakeChannel(operator_));
  grpc::ClientContext context;
  const auto stream = stub->Attach(&context);
  v1::CoordinatorMessage message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(Agents, TokenThatIsUsedUpOrRevokedIsRefused) {
  v1::CreateTokenRequest request;
  request.set_uses(1);
  v1::CreateTokenResponse token;
  ASSERT_TRUE(Call(&v1::Control::Stub::CreateToken, request, &token).ok());
  TestAgent first(token.join_line(), "one", 1);
  TestAgent second(token.join_line(), "two", 2);
  EXPECT_TRUE(first.Enrol().ok());
  EXPECT_TRUE(first.Enrol().ok());
  const grpc::Status refused = second.Enrol();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), HasSubstr("used up"));
  v1::ListTokensResponse tokens;
  ASSERT_TRUE(Call(&v1::Control::Stub::ListTokens, v1::ListTokensRequest(), &tokens).ok());
  EXPECT_EQ(tokens.tokens_size(), 2) << "the default one, too";
  for (const v1::Token& listed : tokens.tokens()) {
    v1::RevokeTokenRequest revoke;
    revoke.set_token_id(listed.token_id());
    v1::RevokeTokenResponse revoked;
    EXPECT_TRUE(Call(&v1::Control::Stub::RevokeToken, revoke, &revoked).ok());
  }
  TestAgent third(server_->join_line(), "three", 3);
  EXPECT_THAT(third.Enrol().error_message(), HasSubstr("revoked"));
}

TEST_F(Agents, OfAnotherCoordinatorDoNotTrustThisOne) {
  const Folder other;
  auto line = *ParseJoinLine(server_->join_line(), JoinKind::kAgent);
  line.ca_pem = LoadOrMakeIdentity(other.path() / "tls")->ca_pem;
  TestAgent agent(EncodeJoinLine(line), "one", 1);
  EXPECT_EQ(agent.Enrol().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Agents, PlainTextIsRefused) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ASSERT_GT(write(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27), 0);
  char reply[256];
  ssize_t got = 0;
  while ((got = read(fd, reply, sizeof reply)) > 0) EXPECT_EQ(std::string(reply, 4).find("HTTP"), std::string::npos);
  EXPECT_TRUE(got == 0 || errno == ECONNRESET) << "closed, not kept waiting";
  close(fd);

  const auto stub = v1::Fleet::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::EnrollResponse response;
  EXPECT_EQ(stub->Enroll(&context, v1::EnrollRequest(), &response).error_code(), grpc::StatusCode::UNAVAILABLE);
  TestAgent agent(server_->join_line(), "one", 1);
  EXPECT_TRUE(agent.Enrol().ok()) << "others are served";
}

TEST_F(Agents, ThatSendTooMuchAtOnceAreCutOff) {
  TestAgent agent(server_->join_line(), "one", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  agent.Next([](const auto& m) { return m.has_welcome(); });
  v1::AgentMessage message;
  message.mutable_log_lines()->add_lines(std::string(2 << 20, 'x'));
  agent.Say(message);
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  agent.Attach();
  EXPECT_TRUE(agent.Next([](const auto& m) { return m.has_welcome(); }));
}

}  // namespace
}  // namespace rsg::server
