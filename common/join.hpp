// The join line: one text that holds all a client needs to reach a coordinator: address, CA and a secret. Agents get
// one with a join token (RSG_JOIN), operators one with the operator's credential. It is a secret as a whole.
//
// Form: "rsg-join-1." or "rsg-operator-1.", base64url of a JSON object, ".", the first 8 hex digits of the SHA-256 of
// what stands before, so that a truncated paste is told apart from a wrong one.
#pragma once
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace rsg {

enum class JoinKind { kAgent, kOperator };

struct JoinLine {
  JoinKind kind = JoinKind::kAgent;
  std::string address;  ///< HOST:PORT to dial
  std::string ca_pem;   ///< certificate of the coordinator's own CA
  std::string secret;   ///< join token or operator credential
};

std::string EncodeJoinLine(const JoinLine& line);

/// INVALID_ARGUMENT that says what is wrong (truncated, of the other kind, not a join line) without repeating the text.
absl::StatusOr<JoinLine> ParseJoinLine(std::string_view text, JoinKind expected);

}  // namespace rsg
