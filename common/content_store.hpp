// Files named by the SHA-256 of what is in them, in a folder of bounded size. What arrives piece by piece lies beside
// them as SHA256.part and is gone on with after an interruption.
//
// One process a folder. Thread-safe, but for Incoming, which belongs to one thread at a time; it may outlive the store.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest.hpp"

namespace rsg {

/// A file on its way in.
class Incoming {
 public:
  /// Opens PATH.part, and reads what is there. ABORTED while another one has it open; errors of the file system.
  static absl::StatusOr<std::unique_ptr<Incoming>> Open(const std::filesystem::path& path, std::string sha256,
                                                        std::uint64_t bytes);
  ~Incoming();
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  /// Bytes that are there; the next piece begins here.
  std::uint64_t offset() const { return offset_; }
  bool complete() const { return offset_ == bytes_; }
  /// INVALID_ARGUMENT when the piece does not begin at offset() or reaches beyond the end; errors of the file system
  /// (RESOURCE_EXHAUSTED: the disk is full). What was there before stays.
  absl::Status Append(std::uint64_t offset, std::string_view data);
  /// Takes the file into the store, durably. INVALID_ARGUMENT when it is not whole; DATA_LOSS when its checksum is
  /// another, and then what was received is gone.
  absl::Status Finish();

 private:
  Incoming(std::filesystem::path path, std::string sha256, std::uint64_t bytes, int fd);
  absl::Status ReadWhatIsThere();

  const std::filesystem::path path_;
  const std::string sha256_;
  const std::uint64_t bytes_;
  const int fd_;
  std::uint64_t offset_ = 0;
  Sha256 hash_;
};

class ContentStore {
 public:
  struct Limits {
    std::uint64_t file_bytes = 0;   ///< of one file
    std::uint64_t total_bytes = 0;  ///< of all, those on their way in included
  };

  /// The folder is made when the first file comes.
  ContentStore(std::filesystem::path folder, Limits limits) : folder_(std::move(folder)), limits_(limits) {}

  /// Where the file is or would be. `sha256` is 64 hex digits, here and everywhere.
  std::filesystem::path Path(const std::string& sha256) const { return folder_ / sha256; }
  /// Whether the whole file is there; then it counts as used just now.
  bool Has(const std::string& sha256);
  /// How much of the file is there, after room has been made for the rest: files and parts that are not in `keep` go,
  /// the least recently used first. RESOURCE_EXHAUSTED that names the limit when the file is too large, or does not
  /// fit beside what is kept.
  absl::StatusOr<std::uint64_t> Reserve(const std::string& sha256, std::uint64_t bytes,
                                        const std::set<std::string>& keep);
  /// Begins or goes on. Errors as Reserve and Incoming::Open.
  absl::StatusOr<std::unique_ptr<Incoming>> Receive(const std::string& sha256, std::uint64_t bytes,
                                                    const std::set<std::string>& keep);

 private:
  std::mutex mutex_;
  const std::filesystem::path folder_;
  const Limits limits_;
};

}  // namespace rsg
