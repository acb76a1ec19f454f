// What follows from W&B's answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/wandb/wire.hpp"

namespace rsg::wandb {
namespace {

using Kind = Verdict::Kind;
using testing::HasSubstr;

Verdict Of(Call call, int status, std::string body = "{}") {
  return Judge(call, {.status = status, .body = std::move(body), .retry_after = {}, .error = "could not connect"});
}

TEST(Judge, TriesAgainWhatMayPass) {
  for (const int status : {0, 408, 425, 429, 500, 502, 503, 504})
    for (const Call call : {Call::kUpsert, Call::kStream, Call::kHeartbeat, Call::kRead})
      EXPECT_EQ(Of(call, status).kind, Kind::kRetry) << status;
  EXPECT_THAT(Of(Call::kStream, 0).why, HasSubstr("could not connect"));
  EXPECT_EQ(Of(Call::kUpsert, 409).kind, Kind::kRetry);
}

TEST(Judge, PausesForAPerson) {
  EXPECT_THAT(Of(Call::kStream, 401).why, HasSubstr("does not know the key"));
  for (const Call call : {Call::kUpsert, Call::kStream, Call::kRead}) EXPECT_EQ(Of(call, 401).kind, Kind::kPause);
  EXPECT_EQ(Of(Call::kStream, 302).kind, Kind::kPause);
  EXPECT_EQ(Of(Call::kUpsert, 200, R"({"errors":[{"message":"Invalid API key"}]})").kind, Kind::kPause);
}

TEST(Judge, TellsAPlaceThatIsRefusedFromAKeyThatIs) {
  for (const Call call : {Call::kUpsert, Call::kStream, Call::kRead}) EXPECT_EQ(Of(call, 403).kind, Kind::kNoPlace);
  EXPECT_EQ(Of(Call::kUpsert, 404, R"({"error":"entity nobody not found"})").kind, Kind::kNoPlace);
  EXPECT_THAT(Of(Call::kUpsert, 404, R"({"error":"entity nobody not found"})").why, HasSubstr("entity nobody"));
}

TEST(Judge, StuckIsWhatWillNeverBeTaken) {
  for (const int status : {400, 404, 409, 410, 422, 501}) EXPECT_EQ(Of(Call::kStream, status).kind, Kind::kStuck);
  EXPECT_EQ(Of(Call::kStream, 413).kind, Kind::kTooLarge);
  EXPECT_EQ(Of(Call::kUpsert, 400).kind, Kind::kStuck);
}

TEST(Judge, LooksIntoAnswersThatSayAllIsWell) {
  EXPECT_EQ(Of(Call::kUpsert, 200, R"({"data":{}})").kind, Kind::kOk);
  EXPECT_EQ(Of(Call::kStream, 200, "").kind, Kind::kOk);
  EXPECT_EQ(Of(Call::kUpsert, 200, R"({"errors":[{"message":"An internal error occurred"}],"data":null})").kind,
            Kind::kRetry);
  EXPECT_EQ(Of(Call::kUpsert, 200, R"({"errors":[{"message":"Permission denied to access x"}]})").kind, Kind::kNoPlace);
  EXPECT_EQ(Of(Call::kUpsert, 200, "<html>welcome</html>").kind, Kind::kRetry);
  EXPECT_THAT(Of(Call::kUpsert, 200, "<html>").why, HasSubstr("WANDB_BASE_URL"));
  EXPECT_EQ(Of(Call::kRead, 200, R"({"errors":7})").kind, Kind::kOk);
}

TEST(Judge, QuotesStrangersInOneLineOfAscii) {
  const std::string why = Of(Call::kStream, 500, "a\nb\x1b[31m\xff" + std::string(5000, 'x')).why;
  EXPECT_LT(why.size(), 400U);
  for (const char c : why) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << why;
}

}  // namespace
}  // namespace rsg::wandb
