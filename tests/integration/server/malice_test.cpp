// Agents that lie, talk nonsense and want what is not theirs; beside them one that does its work.
#include <gmock/gmock.h>

#include <fstream>

#include "common/secret.hpp"
#include "malice.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

TEST_F(Malice, LyingResultIsMarkedAndOnlyTheLiars) {
  Submit(1);
  good_->Attach();
  EXPECT_TRUE(GoodWorks());
  good_->Leave();
  Submit(1);
  evil_->Attach();
  const v1::Assign assign = evil_->NextAssign();
  evil_->Say(MakeStarted(assign));
  evil_->Say(Quick(MakeWindows(assign, 1, 3)));
  v1::AgentMessage end = MakeFinished(assign, 3);
  v1::Result& result = *end.mutable_attempt_finished()->mutable_result();
  result.set_throughput(1e6 * result.throughput());
  result.set_seconds(result.seconds() / 1e6);
  result.add_taints("none, of course");
  evil_->Say(end);
  EXPECT_TRUE(evil_->Next([](const auto& m) { return m.has_finished_ack(); })->finished_ack().accepted()) << "kept";
  std::vector<v1::ResultRow> rows;
  ASSERT_TRUE(Stream(&v1::Control::Stub::QueryResults, v1::QueryResultsRequest(), &rows).ok());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].job().agent_name(), "good");
  EXPECT_EQ(rows[0].result().taints_size(), 0) << rows[0].result().taints(0);
  EXPECT_EQ(rows[1].job().agent_name(), "evil");
  ASSERT_EQ(rows[1].job().taints_size(), 1);
  EXPECT_THAT(rows[1].job().taints(0), HasSubstr("its windows give"));
  v1::QueryResultsRequest best;
  best.set_best(true);
  rows.clear();
  ASSERT_TRUE(Stream(&v1::Control::Stub::QueryResults, best, &rows).ok());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].job().agent_name(), "good");
}

TEST_F(Malice, AttemptsOfOthersStayTheirs) {
  Submit(2);
  good_->Attach();
  evil_->Attach();
  const v1::Assign theirs = good_->NextAssign();
  // Even with the right token, which it cannot know.
  evil_->Say(MakeStarted(theirs));
  evil_->Say(MakeWindows(theirs, 1, 60));
  evil_->Say(MakeFinished(theirs, 60));
  const auto answer = evil_->Next([](const auto& m) { return m.has_finished_ack(); });
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->finished_ack().accepted());
  EXPECT_GE(Rejected("stale"), 2u);
  good_->Say(MakeWindows(theirs, 1, 1));
  EXPECT_EQ(good_->NextAck(), 1u) << "nothing was written";
}

TEST_F(Malice, NonsenseEndsItsOwnStreamOnly) {
  Submit(8);
  good_->Attach();
  EXPECT_TRUE(GoodWorks());
  EXPECT_EQ(SendRaw("\xff\xff\xff\xff no message").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Rejected("malformed"), 1u);
  EXPECT_EQ(SendRaw("").error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "a message without content";
  // A heartbeat before Hello.
  EXPECT_EQ(SendRaw(std::string("\x12\x00", 2)).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SendRaw(std::string(2 << 20, 'x')).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::AgentMessage hello = MakeHello("evil", 2);
  for (int i = 0; i < 33; ++i)
    *hello.mutable_hello()->mutable_machine()->add_devices() = hello.hello().machine().devices(0);
  EXPECT_EQ(SendRaw(hello.SerializeAsString()).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Rejected("order"), 2u);
  EXPECT_EQ(Rejected("hello"), 1u);
  EXPECT_TRUE(GoodWorks());
}

TEST_F(Malice, WhoStealsTheDatabaseHasNoSecret) {
  good_->Attach();
  ASSERT_TRUE(good_->Next([](const auto& m) { return m.has_welcome(); }));
  std::string stored;
  for (const char* file : {"rsg.db", "rsg.db-wal"}) {
    std::ifstream bytes(folder_.path() / "state" / file, std::ios::binary);
    stored.append(std::istreambuf_iterator<char>(bytes), {});
  }
  const std::string token = ParseJoinLine(server_->join_line(), JoinKind::kAgent)->secret;
  EXPECT_THAT(stored, HasSubstr(Sha256Hex(good_->secret)));
  EXPECT_THAT(stored, HasSubstr(Sha256Hex(token)));
  for (const std::string& secret : {good_->secret, token, operator_.secret})
    EXPECT_EQ(stored.find(secret), std::string::npos);
}

TEST_F(Malice, RevokedAgentIsShutOut) {
  Submit(1);
  evil_->Attach();
  const v1::Assign assign = evil_->NextAssign();
  evil_->Say(Quick(MakeWindows(assign, 1, 2)));
  EXPECT_EQ(evil_->NextAck(), 2u);
  v1::RevokeAgentRequest request;
  request.set_agent("evil");
  v1::RevokeAgentResponse response;
  ASSERT_TRUE(Call(&v1::Control::Stub::RevokeAgent, request, &response).ok());
  EXPECT_EQ(response.token_ids_size(), 1) << "with which it could join anew";
  const grpc::Status closed = evil_->End();
  EXPECT_EQ(closed.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(closed.error_message(), HasSubstr("revoked"));
  evil_->Attach();
  EXPECT_EQ(evil_->End().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(evil_->Enrol().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace rsg::server
