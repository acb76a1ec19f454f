#include "agent/spool/folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/files.hpp"

namespace rsg::agent {
namespace {

absl::Status Failed(std::string_view what, const std::filesystem::path& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", std::string(what), " ", path.string()));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SpoolFolder::List() {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder_, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) return Failed("read", folder_, error.value());
  return names;
}

absl::StatusOr<std::string> SpoolFolder::Read(const std::string& name, std::size_t max_bytes) {
  return ReadFile(folder_ / name, max_bytes);
}

absl::Status SpoolFolder::Open(const std::string& name) {
  Close();
  const std::filesystem::path path = folder_ / name;
  const auto open_file = [&] {
    return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  };
  fd_ = open_file();
  if (fd_ < 0 && errno == ENOENT && mkdir(folder_.c_str(), 0700) == 0) fd_ = open_file();
  if (fd_ < 0) return Failed("write", path, errno);
  struct stat info {};
  if (fstat(fd_, &info) != 0) return Failed("write", path, errno);
  size_ = info.st_size;
  open_ = name;
  return absl::OkStatus();
}

void SpoolFolder::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  open_.clear();
}

absl::Status SpoolFolder::Append(const std::string& name, std::string_view bytes) {
  if (open_ != name)
    if (auto status = Open(name); !status.ok()) return status;
  const std::int64_t whole = size_ + static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = written < 0 ? errno : EIO;
      if (size_ == 0) {
        (void)Remove(name);
      } else if (ftruncate(fd_, size_) != 0) {
        Close();  // its length is not known any more
      }
      return Failed("write", folder_ / name, error);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  size_ = whole;
  return absl::OkStatus();
}

absl::Status SpoolFolder::Remove(const std::string& name) {
  if (open_ == name) Close();
  if (unlink((folder_ / name).c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed("remove", folder_ / name, errno);
}

}  // namespace rsg::agent
