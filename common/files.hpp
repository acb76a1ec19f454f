// Small files that must be whole or absent, folders that must be ours alone.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rsg {

/// Writes through a temporary file, fsync and rename. `mode` is the file's permission bits.
absl::Status WriteFile(const std::filesystem::path& path, std::string_view content, unsigned mode = 0600);

/// The whole file; NOT_FOUND when absent, OUT_OF_RANGE over `max_bytes`, PERMISSION_DENIED when unreadable.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, std::size_t max_bytes = 1 << 20);

/// Reads a file that holds a secret: refuses one that group or others can read, and says how to mend it.
absl::StatusOr<std::string> ReadSecretFile(const std::filesystem::path& path);

/// Makes the folder (0700) with its parents and proves that it can be written to.
absl::Status MakeStateFolder(const std::filesystem::path& path);

/// Makes what was renamed or made in the folder durable.
void SyncFolder(const std::filesystem::path& folder);

/// An flock on `path`, held until destruction; freed by the kernel when the process dies.
class FileLock {
 public:
  /// ALREADY_EXISTS when another process holds it, of whatever kind: coordinator and agent lock the same file.
  static absl::StatusOr<FileLock> Acquire(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

/// $XDG_STATE_HOME/rsg or ~/.local/state/rsg.
std::filesystem::path DefaultStateRoot();

}  // namespace rsg
