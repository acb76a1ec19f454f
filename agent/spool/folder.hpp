// The spool's files in a folder of the system: 0600 in 0700, for they hold lease tokens.
#pragma once
#include <filesystem>
#include <string>

#include "agent/spool/disk.hpp"

namespace rsg::agent {

/// The folder is made when something is written. Not thread-safe; one process at a time (the caller holds the state
/// folder's lock). Calls take as long as small writes into the system's cache do: nothing is synced.
class SpoolFolder final : public SpoolDisk {
 public:
  explicit SpoolFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~SpoolFolder() override { Close(); }
  SpoolFolder(const SpoolFolder&) = delete;
  SpoolFolder& operator=(const SpoolFolder&) = delete;

  absl::StatusOr<std::vector<std::string>> List() override;
  absl::StatusOr<std::string> Read(const std::string& name, std::size_t max_bytes) override;
  absl::Status Append(const std::string& name, std::string_view bytes) override;
  absl::Status Remove(const std::string& name) override;

 private:
  absl::Status Open(const std::string& name);
  void Close();

  const std::filesystem::path folder_;
  int fd_ = -1;  // of the file that was appended to last
  std::string open_;
  std::int64_t size_ = 0;
};

}  // namespace rsg::agent
