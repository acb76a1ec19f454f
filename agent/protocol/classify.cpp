#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "agent/protocol/events.hpp"

namespace rsg::agent {
namespace {

// gRPC reports a failed handshake as UNAVAILABLE like any broken connection; only OpenSSL's words tell that the peer
// is the wrong one rather than away. A peer that closes in mid-handshake (a tunnel without its far end) is just away.
bool SaysWrongPeer(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  return absl::StrContains(lower, "certificate verify failed") ||
         absl::StrContains(lower, "certificate_verify_failed") || absl::StrContains(lower, "wrong version number") ||
         absl::StrContains(lower, "wrong_version_number") ||
         absl::StrContains(lower, "hostname verification check failed");
}

}  // namespace

LinkLoss Classify(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return LinkLoss::kRefused;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return LinkLoss::kMismatch;
    case absl::StatusCode::kInvalidArgument:
      return LinkLoss::kMalformed;
    case absl::StatusCode::kAborted:
      return LinkLoss::kSuperseded;
    default:
      return SaysWrongPeer(status.message()) ? LinkLoss::kUntrusted : LinkLoss::kUnreachable;
  }
}

}  // namespace rsg::agent
