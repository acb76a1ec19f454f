// Join tokens and enrolment.
#include <gmock/gmock.h>

#include "common/secret.hpp"
#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;

class Enrolment : public World {
 protected:
  v1::EnrollRequest Request(const std::string& token, const std::string& who) {
    v1::EnrollRequest request;
    request.set_join_token(token);
    request.set_credential_sha256(Sha256Hex(who));
    request.set_name(who);
    return request;
  }
  absl::Status TryEnrol(const std::string& token, const std::string& who) {
    const auto response = coordinator->Enroll(Request(token, who), now, effects);
    Commit();
    return response.status();
  }
  std::string NewToken(std::uint32_t uses, double seconds = 0) {
    v1::CreateTokenRequest request;
    request.set_uses(uses);
    request.set_valid_seconds(seconds);
    const auto made = coordinator->CreateToken(request, now, effects);
    Commit();
    return made.ok() ? made->secret : made.status().ToString();
  }
};

TEST_F(Enrolment, TokenIsSpentOnceForEachAgent) {
  const std::string token = NewToken(2);
  EXPECT_TRUE(TryEnrol(token, "one").ok());
  EXPECT_TRUE(TryEnrol(token, "one").ok()) << "the answer was lost: the same again";
  EXPECT_EQ(memory.tokens.begin()->second.uses_left, 1u);
  EXPECT_TRUE(TryEnrol(token, "two").ok());
  const absl::Status third = TryEnrol(token, "three");
  EXPECT_TRUE(absl::IsPermissionDenied(third));
  EXPECT_EQ(third.message(), "join token: used up") << "the agent says what to do about it, once";
  EXPECT_TRUE(TryEnrol(token, "one").ok()) << "still known";
  EXPECT_EQ(memory.agents.size(), 2u);
}

TEST_F(Enrolment, TokenIsStoredHashedAndItsAbsenceFound) {
  const std::string token = NewToken(1);
  EXPECT_EQ(token.size(), 32u);
  EXPECT_EQ(memory.tokens.begin()->second.token_sha256, Sha256Hex(token));
  EXPECT_THAT(std::string(TryEnrol("nonsense", "one").message()), HasSubstr("unknown"));
}

TEST_F(Enrolment, TokenExpiresAndIsRevoked) {
  const std::string brief = NewToken(5, 60);
  now.unix += 61;
  EXPECT_THAT(std::string(TryEnrol(brief, "one").message()), HasSubstr("expired"));
  const std::string revoked = NewToken(5);
  v1::RevokeTokenRequest request;
  for (const auto& [id, token] : memory.tokens)
    if (token.token_sha256 == Sha256Hex(revoked)) request.set_token_id(id);
  EXPECT_TRUE(coordinator->RevokeToken(request, effects).ok());
  Commit();
  EXPECT_THAT(std::string(TryEnrol(revoked, "one").message()), HasSubstr("revoked"));
  request.set_token_id("t-none");
  EXPECT_TRUE(absl::IsNotFound(coordinator->RevokeToken(request, effects)));
}

TEST_F(Enrolment, RefusesWhatIsOutOfRange) {
  EXPECT_THAT(NewToken(200'000), HasSubstr("uses"));
  EXPECT_THAT(NewToken(1, -5), HasSubstr("valid"));
  v1::EnrollRequest request = Request(NewToken(1), "one");
  request.set_credential_sha256("ABC");
  EXPECT_TRUE(absl::IsInvalidArgument(coordinator->Enroll(request, now, effects).status()));
}

TEST_F(Enrolment, SurvivesARestart) {
  const std::string token = NewToken(1);
  EXPECT_TRUE(TryEnrol(token, "one").ok());
  Restart();
  EXPECT_TRUE(TryEnrol(token, "one").ok());
  EXPECT_FALSE(TryEnrol(token, "two").ok());
}

}  // namespace
}  // namespace rsg::schedule
