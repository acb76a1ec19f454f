// A spool's folder in memory, which fails when it is told to.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "agent/spool/disk.hpp"

namespace rsg::agent {

class SpoolMemory final : public SpoolDisk {
 public:
  absl::StatusOr<std::vector<std::string>> List() override {
    if (unreadable) return absl::PermissionDeniedError("the folder cannot be read");
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files) names.insert(names.begin(), name);  // not in their order
    return names;
  }
  absl::StatusOr<std::string> Read(const std::string& name, std::size_t max_bytes) override {
    const std::string& bytes = files.at(name);
    if (bytes.size() > max_bytes) return absl::OutOfRangeError(name + " is too large");
    return bytes;
  }
  absl::Status Append(const std::string& name, std::string_view bytes) override {
    if (!full) {
      files[name] += bytes;
      return absl::OkStatus();
    }
    if (leaves_bytes > 0) files[name] += bytes.substr(0, leaves_bytes);
    return absl::ResourceExhaustedError("no space left on device");
  }
  absl::Status Remove(const std::string& name) override {
    files.erase(name);
    return absl::OkStatus();
  }

  std::size_t size() const {
    std::size_t size = 0;
    for (const auto& [name, bytes] : files) size += bytes.size();
    return size;
  }

  std::map<std::string, std::string> files;
  bool full = false;
  std::size_t leaves_bytes = 0;  // of what does not fit
  bool unreadable = false;
};

}  // namespace rsg::agent
