// The coordinator's own secrets in its state folder: the operator's credential and the lines that carry it and the join
// token to where they are used. Files are 0600.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/join.hpp"

namespace rsg::server {

/// The secret of the line stored in `file`; empty when there is none or it is damaged. An error when the file is there
/// but cannot be read, or others can read it.
absl::StatusOr<std::string> StoredSecret(const std::filesystem::path& file, JoinKind kind);

/// Writes the line, unless the file holds it already. Returns it.
absl::StatusOr<std::string> StoreLine(const std::filesystem::path& file, const JoinLine& line);

}  // namespace rsg::server
