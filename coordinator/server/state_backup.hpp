// What makes a coordinator: its state folder, copied and brought back. A backup is a folder of its own, 0700, laid out
// as the state folder is: database, certificate authority, the operator's and the agents' lines, scripts. It holds the
// same secrets; the key of W&B is not in it.
#pragma once
#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/backup.hpp"

namespace rsg::server {

struct Copied {
  store::Holdings holdings;
  std::uint64_t scripts = 0;  ///< files
  std::uint64_t bytes = 0;    ///< of everything
};

/// Copies the state folder, whose coordinator may run and go on, into `folder`, which appears whole or not at all.
/// ALREADY_EXISTS when it is there, NOT_FOUND when there is no database in `state`, errors of store::Copy.
absl::StatusOr<Copied> BackUp(const std::filesystem::path& state, const std::filesystem::path& folder, bool scripts);

/// Makes a state folder of a backup, which is read whole first. ALREADY_EXISTS when a coordinator runs there or has
/// been there; errors of store::Inspect. What root restores belongs to the folder's owner. Interrupted, it can be
/// repeated: the database comes last.
absl::StatusOr<Copied> Restore(const std::filesystem::path& folder, const std::filesystem::path& state);

}  // namespace rsg::server
