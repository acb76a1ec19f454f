#include "common/join.hpp"

#include <gtest/gtest.h>

namespace rsg {
namespace {

const JoinLine kLine{.kind = JoinKind::kAgent, .address = "host:7700", .ca_pem = "-----BEGIN", .secret = "token"};

TEST(JoinLine, ReadsBack) {
  const auto parsed = ParseJoinLine("  " + EncodeJoinLine(kLine) + "\n", JoinKind::kAgent);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->address, "host:7700");
  EXPECT_EQ(parsed->ca_pem, "-----BEGIN");
  EXPECT_EQ(parsed->secret, "token");
}

TEST(JoinLine, EveryTruncationIsToldAndNothingIsRepeated) {
  const std::string whole = EncodeJoinLine(kLine);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto parsed = ParseJoinLine(whole.substr(0, length), JoinKind::kAgent);
    ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << length;
    if (length > 20) {
      EXPECT_EQ(parsed.status().message().find(whole.substr(11, 10)), std::string::npos) << "the secret is repeated";
    }
  }
}

TEST(JoinLine, TheOtherKindIsTold) {
  JoinLine other = kLine;
  other.kind = JoinKind::kOperator;
  const auto parsed = ParseJoinLine(EncodeJoinLine(other), JoinKind::kAgent);
  EXPECT_NE(parsed.status().message().find("operator's"), std::string::npos);
}

}  // namespace
}  // namespace rsg
