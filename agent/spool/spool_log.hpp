// What the agent keeps on disk of the attempts in hand, so that a finished one outlives the agent's process: Keep
// appends, Release removes, Open finds what an earlier process has left.
//
// An attempt lies in one or more files (segments). Each begins with the attempt's Assign and can be read alone; windows
// go into the newest, and a new one is begun when that has grown to 256 KiB. An older segment is removed as soon as all
// of its windows are acknowledged. Nothing is ever changed but by appending, so that whatever a dying process leaves is
// good up to where it was torn, and nothing is appended to a segment of an earlier process.
//
// Nothing is synced: what dies is a process, and the system keeps what was written. After a power failure the checksums
// tell what is left. A record that cannot be written (a full disk) leaves a gap, which a result survives if the
// coordinator has the windows in it.
#pragma once
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/protocol/events.hpp"
#include "agent/spool/disk.hpp"

namespace rsg::agent {

/// Not thread-safe. `disk` outlives it.
class SpoolLog {
 public:
  static constexpr std::size_t kSegmentBytes = 256 << 10;

  /// A segment that has `segment_bytes` gets no more windows.
  explicit SpoolLog(SpoolDisk* disk, std::size_t segment_bytes = kSegmentBytes)
      : disk_(disk), segment_bytes_(segment_bytes) {}

  struct Found {
    std::vector<KeptAttempt> attempts;  ///< finished ones, oldest first, at most 64
    std::vector<Log> log;
  };
  /// First thing. Unfinished attempts are removed: their child died with the earlier process. Files that are none of
  /// ours are left alone.
  Found Open();

  /// Windows are refused (RESOURCE_EXHAUSTED) when all files together would have more bytes.
  void set_max_bytes(std::uint64_t bytes) { max_bytes_ = bytes; }
  std::uint64_t bytes() const { return bytes_; }

  /// The disk's error when it cannot be written.
  absl::Status Keep(const agent::Keep& keep);
  void Release(const agent::Release& release);

 private:
  struct Segment {
    std::string name;
    std::size_t bytes = 0;
    std::uint32_t last = 0;  // window; 0: none
    bool has_end = false;
  };
  struct Entry {
    std::string head;  // what each segment begins with, behind the magic bytes
    std::deque<Segment> segments;
    bool sealed = false;  // the newest one is not to be appended to
  };
  struct Left;  // of an attempt, as found
  absl::StatusOr<std::vector<std::uint64_t>> List();
  void ReadLeft(std::vector<Left>* left, Found* found);
  void Restore(Left& left, Found* found);
  absl::Status Write(Entry& entry, const KeptRecord& record, const std::string& bytes);
  void RemoveOldest(Entry& entry);
  void RemoveAll(Entry& entry);

  SpoolDisk* const disk_;
  const std::size_t segment_bytes_;
  std::map<std::string, Entry> entries_;  // by attempt
  std::uint64_t next_ = 0;                // number of the next segment; 0: not known
  std::uint64_t bytes_ = 0;
  std::uint64_t max_bytes_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace rsg::agent
