// An agent that the operator shuts out: its stream, its credential, its attempt, its devices.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Revoke : public World {
 protected:
  absl::StatusOr<v1::RevokeAgentResponse> RevokeAgent(const std::string& agent) {
    v1::RevokeAgentRequest request;
    request.set_agent(agent);
    auto revoked = coordinator->RevokeAgent(request, now, effects);
    Commit();
    return revoked;
  }
};

TEST_F(Revoke, ClosesTheStreamAndRefusesTheCredentialForGood) {
  Peer peer = Enrol("one", {Cpu("CPU-1")});
  Attach(peer);
  const SessionId session = peer.session;
  const auto revoked = RevokeAgent("one");
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_THAT(revoked->agent_ids(), ElementsAre(peer.agent_id));
  EXPECT_TRUE(absl::IsUnauthenticated(ClosedWith(session)));
  EXPECT_THAT(std::string(ClosedWith(session).message()), HasSubstr("revoked"));
  EXPECT_THAT(std::string(ClosedWith(session).message()), testing::Not(HasSubstr("join line")))
      << "of which the agent speaks";
  EXPECT_EQ(StateOf(peer), v1::AGENT_STATE_REVOKED);
  for (int restarts = 0; restarts < 2; ++restarts) {
    Attach(peer);
    EXPECT_TRUE(absl::IsUnauthenticated(ClosedWith(peer.session)));
    v1::EnrollRequest request;
    request.set_join_token("whatever");
    request.set_credential_sha256(peer.credential);
    EXPECT_TRUE(absl::IsPermissionDenied(coordinator->Enroll(request, now, effects).status()));
    EXPECT_TRUE(absl::IsUnauthenticated(coordinator->MayFetchScript(peer.credential, v1::FetchScriptRequest())));
    EXPECT_EQ(Rejected("revoked"), 1u);
    Restart();
  }
}

TEST_F(Revoke, LosesTheAttemptAndAnotherAgentTakesTheDevice) {
  Peer evil = Enrol("evil", {Cpu("CPU-1")});
  Attach(evil);
  Submit(Spec({8}));
  const v1::Assign assign = *TakeAssign(evil);
  SayStarted(evil, assign);
  SayWindows(evil, assign, 1, 2);
  ASSERT_TRUE(RevokeAgent(evil.agent_id).ok());
  EXPECT_TRUE(TakeCancel(evil)) << "an agent that only has been mistaken for another stops its child";
  EXPECT_EQ(memory.attempts.at({{1, 1}, 1}).outcome, v1::OUTCOME_LOST);
  EXPECT_EQ(Job(1, 1).state, v1::JOB_STATE_QUEUED);
  SayFinished(evil, assign, v1::OUTCOME_COMPLETED, 2);
  EXPECT_THAT(memory.results, IsEmpty()) << "it may still speak, but is not heard";
  Peer good = Enrol("good", {Cpu("CPU-1")});
  Attach(good);
  const auto again = TakeAssign(good);
  ASSERT_TRUE(again);
  Complete(good, *again);
  EXPECT_EQ(Job(1, 1).outcome, v1::OUTCOME_COMPLETED);
}

TEST_F(Revoke, NamesTheTokensThatAreStillGood) {
  Peer peer = Enrol("one", {Cpu("CPU-1")});
  const std::string token = memory.agents.at(peer.agent_id).token_id;
  const bool good = memory.tokens.at(token).uses_left > 0;
  const auto revoked = RevokeAgent("one");
  ASSERT_TRUE(revoked.ok());
  if (good)
    EXPECT_THAT(revoked->token_ids(), ElementsAre(token));
  else
    EXPECT_THAT(revoked->token_ids(), IsEmpty());
  v1::RevokeTokenRequest request;
  request.set_token_id(token);
  ASSERT_TRUE(coordinator->RevokeToken(request, effects).ok());
  Commit();
  EXPECT_THAT(RevokeAgent("one")->token_ids(), IsEmpty());
}

TEST_F(Revoke, RevokedTokenLetsItsAgentsStay) {
  Peer peer = Enrol("one", {Cpu("CPU-1")});
  Attach(peer);
  v1::RevokeTokenRequest request;
  request.set_token_id(memory.agents.at(peer.agent_id).token_id);
  ASSERT_TRUE(coordinator->RevokeToken(request, effects).ok());
  Commit();
  EXPECT_EQ(StateOf(peer), v1::AGENT_STATE_IDLE);
  Detach(peer);
  Attach(peer);
  EXPECT_EQ(StateOf(peer), v1::AGENT_STATE_IDLE);
}

TEST_F(Revoke, UnknownAgentIsNamed) {
  EXPECT_TRUE(absl::IsNotFound(RevokeAgent("nobody").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RevokeAgent("").status()));
}

}  // namespace
}  // namespace rsg::schedule
