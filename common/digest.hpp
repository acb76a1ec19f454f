// SHA-256 of what is too large to be held. A library of its own, so that rsg-trainer gets this of OpenSSL and nothing
// else.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace rsg {

/// Of what comes in pieces. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Add(std::string_view bytes);
  /// Of all that was added so far: 64 lower-case hex digits.
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // null once moved from
};

struct FileDigest {
  std::string sha256;       ///< 64 lower-case hex digits
  std::uint64_t bytes = 0;  ///< that were hashed: the file's size
};

/// Reads `path` once, in pieces: about a second for each 0.5 to 2 GB. NOT_FOUND, PERMISSION_DENIED as the system says;
/// FAILED_PRECONDITION when it is no regular file; OUT_OF_RANGE when it has, or grows to, more than `max_bytes`.
/// Thread-safe.
absl::StatusOr<FileDigest> Sha256File(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace rsg
