// Which coordinator this agent belongs to, and the secret it proves itself by; kept in the state folder, so that a
// restart needs no join line. One process at a time (the caller holds the folder's lock).
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/join.hpp"

namespace rsg::agent {

struct Membership {
  std::string address;  ///< HOST:PORT
  std::string ca_pem;
  std::string credential;  ///< secret, 64 hex digits
  bool enrolled = false;   ///< the coordinator has accepted it
};

/// The folder's membership, brought in line with `join` when there is one: the same coordinator (CA) under a new
/// address keeps the credential, another coordinator gets a new one, which is written down before it is first used.
/// INVALID_ARGUMENT when there is neither membership nor join line; DATA_LOSS when the file is damaged.
absl::StatusOr<Membership> OpenMembership(const std::filesystem::path& state_folder,
                                          const std::optional<JoinLine>& join);

/// Remembers that the coordinator accepted the credential.
absl::Status SaveEnrolled(const std::filesystem::path& state_folder, Membership* membership);

}  // namespace rsg::agent
