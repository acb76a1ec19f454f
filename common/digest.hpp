// The SHA-256 of whole files. A library of its own, so that rsg-trainer gets this of OpenSSL and nothing else.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace rsg {

struct FileDigest {
  std::string sha256;       ///< 64 lower-case hex digits
  std::uint64_t bytes = 0;  ///< that were hashed: the file's size
};

/// Reads `path` once, in pieces: about a second for each 0.5 to 2 GB. NOT_FOUND, PERMISSION_DENIED as the system says;
/// FAILED_PRECONDITION when it is no regular file; OUT_OF_RANGE when it has, or grows to, more than `max_bytes`.
/// Thread-safe.
absl::StatusOr<FileDigest> Sha256File(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace rsg
