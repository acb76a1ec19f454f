// SQLite's way to a Disk: registered as the default VFS, so that coordinator/store opens its database there unchanged.
// WAL included: its shared memory is on the heap. For connections of one thread.
#pragma once
#include <cstdint>

#include "disk.hpp"

namespace rsg::sim {

/// As long as it lives, all of SQLite's files are on `disk`, and its random numbers come from `seed`. One at a time.
class DiskVfs {
 public:
  DiskVfs(Disk* disk, std::uint64_t seed);
  ~DiskVfs();
  DiskVfs(const DiskVfs&) = delete;
  DiskVfs& operator=(const DiskVfs&) = delete;
};

}  // namespace rsg::sim
