#include "common/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rsg {
namespace {

absl::Status Failed(std::string_view what, const std::filesystem::path& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", std::string(what), " ", path.string()));
}

absl::Status CannotUse(std::string_view what, const std::filesystem::path& folder, int error) {
  const absl::Status failed = Failed(absl::StrCat(std::string(what), " the state folder"), folder, error);
  return absl::Status(failed.code(), absl::StrCat(failed.message(),
                                                  "; name one that this user may write to with --state, or run as its "
                                                  "owner"));
}

// Closes a descriptor at the end of a scope.
struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd;
};

bool WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

void SyncFolder(const std::filesystem::path& folder) {
  const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.fd >= 0) fsync(fd.fd);
}

absl::Status WriteFile(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  std::string temporary = path.string() + ".XXXXXX";
  {
    const Descriptor fd(mkostemp(temporary.data(), O_CLOEXEC));
    if (fd.fd < 0) return Failed("write", path, errno);
    if (fchmod(fd.fd, static_cast<mode_t>(mode)) != 0 || !WriteAll(fd.fd, content) || fsync(fd.fd) != 0) {
      const int error = errno;
      unlink(temporary.c_str());
      return Failed("write", path, error);
    }
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return Failed("write", path, error);
  }
  SyncFolder(path.has_parent_path() ? path.parent_path() : ".");
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.fd < 0) return Failed("read", path, errno);
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t got = read(fd.fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path, errno);
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > max_bytes)
      return absl::OutOfRangeError(absl::StrCat(path.string(), " is larger than ", max_bytes, " bytes"));
  }
}

absl::StatusOr<std::string> ReadSecretFile(const std::filesystem::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Failed("read", path, errno);
  if ((info.st_mode & 077) != 0)
    return absl::PermissionDeniedError(
        absl::StrCat(path.string(), " holds a secret and others can read it; run: chmod 600 ", path.string()));
  return ReadFile(path, 64 << 10);
}

absl::Status MakeStateFolder(const std::filesystem::path& path) {
  std::error_code error;
  const bool was_there = std::filesystem::exists(path, error);
  if (was_there && !std::filesystem::is_directory(path, error))
    return absl::FailedPreconditionError(
        absl::StrCat("the state folder ", path.string(), " is no folder; name another with --state"));
  std::filesystem::create_directories(path, error);
  if (error) return CannotUse("make", path, error.value());
  if (!was_there) chmod(path.c_str(), 0700);
  std::string probe = (path / ".probe.XXXXXX").string();
  const Descriptor fd(mkostemp(probe.data(), O_CLOEXEC));
  if (fd.fd < 0) return CannotUse("write to", path, errno);
  unlink(probe.c_str());
  return absl::OkStatus();
}

absl::StatusOr<FileLock> FileLock::Acquire(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("open the lock", path, errno);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return FileLock(fd);
  const int error = errno;
  close(fd);
  if (error == EWOULDBLOCK)
    return absl::AlreadyExistsError(absl::StrCat("another rsg program runs on ", path.parent_path().string(),
                                                 "; stop it, or give this one a folder of its own with --state"));
  return Failed("lock", path, error);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

std::filesystem::path DefaultStateRoot() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/')
    return std::filesystem::path(state) / "rsg";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr && *home != '\0' ? home : "/") / ".local" / "state" / "rsg";
}

}  // namespace rsg
