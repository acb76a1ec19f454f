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

TEST(JoinLine, WhatIsNoneNamesWhereThatKindIsFound) {
  for (const char* text : {"", "garbage"}) {
    const std::string agents(ParseJoinLine(text, JoinKind::kAgent).status().message());
    EXPECT_NE(agents.find("'rsg agents token'"), std::string::npos) << agents;
    const std::string operators(ParseJoinLine(text, JoinKind::kOperator).status().message());
    EXPECT_NE(operators.find("'operator-remote'"), std::string::npos) << operators;
    EXPECT_EQ(operators.find("rsg serve"), std::string::npos) << operators;
  }
}

}  // namespace
}  // namespace rsg
