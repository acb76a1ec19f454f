// The folder of an agent's spool, on a simulated disk.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "agent/spool/disk.hpp"
#include "disk.hpp"

namespace rsg::sim {

class SpoolDisk final : public agent::SpoolDisk {
 public:
  SpoolDisk(Disk* disk, Random* random) : disk_(disk), random_(random) {}

  absl::StatusOr<std::vector<std::string>> List() override {
    if (disk_->Read() != Disk::Result::kOk) return absl::InternalError("the folder cannot be read");
    return disk_->Names();
  }
  absl::StatusOr<std::string> Read(const std::string& name, std::size_t) override {
    const auto file = disk_->Find(name);
    if (!file || disk_->Read() != Disk::Result::kOk) return absl::InternalError("a file cannot be read");
    return file->seen;
  }
  absl::Status Append(const std::string& name, std::string_view bytes) override {
    auto file = disk_->Find(name);
    const bool fresh = !file;
    if (fresh) file = disk_->Make(name);
    if (!file) return absl::InternalError("a file cannot be made");
    const std::size_t size = file->seen.size();
    const Disk::Result result = disk_->Write(*file, size, bytes);
    if (result == Disk::Result::kOk) return absl::OkStatus();
    // What fits is there, and whether it can be cut off again is another matter.
    if (result == Disk::Result::kFull && random_->Chance(0.3))
      file->seen += bytes.substr(0, random_->Below(bytes.size()));
    else if (fresh && !disk_->off())
      (void)disk_->Remove(name, /*durably=*/false);
    return absl::ResourceExhaustedError("a file cannot be written");
  }
  absl::Status Remove(const std::string& name) override {
    return disk_->Remove(name, /*durably=*/false) == Disk::Result::kOk
               ? absl::OkStatus()
               : absl::InternalError("a file cannot be removed");
  }

 private:
  Disk* disk_;
  Random* random_;
};

}  // namespace rsg::sim
