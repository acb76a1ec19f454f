// Files of the spool, as far as SpoolLog needs a disk: a real folder (folder.hpp), or one that a simulation makes up.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rsg::agent {

/// Not thread-safe. A process that dies loses nothing of what was appended; a machine whose power fails may lose or
/// garble any of it, for nothing is synced.
class SpoolDisk {
 public:
  virtual ~SpoolDisk() = default;

  /// Names of all files, in any order.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
  /// The whole file; OUT_OF_RANGE over `max_bytes`.
  virtual absl::StatusOr<std::string> Read(const std::string& name, std::size_t max_bytes) = 0;
  /// Appends to a file, which is made if there is none. On an error nothing of it should be there, but may be.
  virtual absl::Status Append(const std::string& name, std::string_view bytes) = 0;
  virtual absl::Status Remove(const std::string& name) = 0;
};

}  // namespace rsg::agent
