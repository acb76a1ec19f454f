// The coordinator's own certificate authority and the credentials of both sides. The server certificate has the fixed
// name kServerName and is good for serverAuth only; clients verify that name whatever address they dial.
#pragma once
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace rsg {

inline constexpr char kServerName[] = "rsg-coordinator";

struct ServerIdentity {
  std::string ca_pem;           ///< CA certificate, public
  std::string certificate_pem;  ///< server certificate
  std::string key_pem;          ///< server key, secret
};

/// Loads CA and server certificate from `folder` (ca.pem, ca.key, server.pem, server.key), or makes them: P-256, CA for
/// ten years, server certificate for one year and renewed, with the same key, when it has less than 30 days. Keys are
/// 0600.
absl::StatusOr<ServerIdentity> LoadOrMakeIdentity(const std::filesystem::path& folder);

/// When a certificate ends, as "2027-11-25 12:00:00 UTC"; empty when `pem` is none.
std::string ValidUntil(const std::string& pem);

}  // namespace rsg
