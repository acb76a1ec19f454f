#include "common/content_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/files.hpp"

namespace rsg {
namespace {

constexpr char kPart[] = ".part";
constexpr std::size_t kReadBytes = 256 << 10;

absl::Status Failed(std::string_view what, const std::filesystem::path& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", std::string(what), " ", path.string()));
}

std::filesystem::path PartOf(std::filesystem::path path) { return path += kPart; }

std::string MiB(std::uint64_t bytes) { return absl::StrCat((bytes + (1 << 20) - 1) >> 20, " MiB"); }

struct Stored {
  std::filesystem::path path;
  std::uint64_t bytes;
  double used;  // by its time stamp
};

std::vector<Stored> LeastRecentlyUsedFirst(const std::filesystem::path& folder) {
  std::vector<Stored> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    struct stat info {};
    if (stat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    files.push_back(
        {.path = entry.path(),
         .bytes = static_cast<std::uint64_t>(info.st_size),
         .used = static_cast<double>(info.st_mtim.tv_sec) + 1e-9 * static_cast<double>(info.st_mtim.tv_nsec)});
  }
  std::sort(files.begin(), files.end(), [](const Stored& a, const Stored& b) { return a.used < b.used; });
  return files;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Incoming>> Incoming::Open(const std::filesystem::path& path, std::string sha256,
                                                         std::uint64_t bytes) {
  const std::filesystem::path part = PartOf(path);
  const int fd = open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("write", part);
  std::unique_ptr<Incoming> incoming(new Incoming(path, std::move(sha256), bytes, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return absl::AbortedError(absl::StrCat("sha256: the file ", path.filename().string(),
                                           " is on its way in from elsewhere; try again in a moment"));
  if (auto read = incoming->ReadWhatIsThere(); !read.ok()) return read;
  return incoming;
}

Incoming::Incoming(std::filesystem::path path, std::string sha256, std::uint64_t bytes, int fd)
    : path_(std::move(path)), sha256_(std::move(sha256)), bytes_(bytes), fd_(fd) {}

Incoming::~Incoming() { close(fd_); }

absl::Status Incoming::ReadWhatIsThere() {
  std::string buffer(kReadBytes, '\0');
  while (true) {
    const ssize_t got = read(fd_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", PartOf(path_));
    if (got == 0) break;
    hash_.Add(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    offset_ += static_cast<std::uint64_t>(got);
  }
  if (offset_ <= bytes_) return absl::OkStatus();
  // Of a file that was said to be longer: from the start again.
  if (ftruncate(fd_, 0) != 0 || lseek(fd_, 0, SEEK_SET) != 0) return Failed("write", PartOf(path_));
  offset_ = 0;
  hash_ = Sha256();
  return absl::OkStatus();
}

absl::Status Incoming::Append(std::uint64_t offset, std::string_view data) {
  if (offset != offset_)
    return absl::InvalidArgumentError(absl::StrCat("offset: ", offset, ", but ", offset_,
                                                   " bytes are there; go on from "
                                                   "there"));
  if (data.size() > bytes_ - offset_)
    return absl::InvalidArgumentError(absl::StrCat("data: reaches beyond the ", bytes_, " bytes that were announced"));
  for (std::string_view rest = data; !rest.empty();) {
    const ssize_t written =
        pwrite(fd_, rest.data(), rest.size(), static_cast<off_t>(offset_ + data.size() - rest.size()));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const absl::Status failed = Failed("write", PartOf(path_));
      // A piece that is there in part would not be in the checksum.
      [[maybe_unused]] const int cut = ftruncate(fd_, static_cast<off_t>(offset_));
      return failed;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  hash_.Add(data);
  offset_ += data.size();
  return absl::OkStatus();
}

absl::Status Incoming::Finish() {
  const std::filesystem::path part = PartOf(path_);
  if (!complete())
    return absl::InvalidArgumentError(absl::StrCat("data: ends after ", offset_, " of ", bytes_, " bytes"));
  if (const std::string found = hash_.Hex(); found != sha256_) {
    unlink(part.c_str());
    return absl::DataLossError(absl::StrCat("sha256: the file that came has ", found, " and not ", sha256_,
                                            "; it is thrown away; send it again"));
  }
  if (fsync(fd_) != 0) return Failed("write", part);
  if (rename(part.c_str(), path_.c_str()) != 0) return Failed("write", path_);
  SyncFolder(path_.parent_path());
  return absl::OkStatus();
}

bool ContentStore::Has(const std::string& sha256) { return utimensat(AT_FDCWD, Path(sha256).c_str(), nullptr, 0) == 0; }

absl::StatusOr<std::uint64_t> ContentStore::Reserve(const std::string& sha256, std::uint64_t bytes,
                                                    const std::set<std::string>& keep) {
  if (bytes > limits_.file_bytes)
    return absl::ResourceExhaustedError(
        absl::StrCat("bytes: ", MiB(bytes), " is more than the ", MiB(limits_.file_bytes), " that a file may have"));
  const std::lock_guard lock(mutex_);
  std::uint64_t there = 0;
  std::uint64_t others = 0;
  std::vector<Stored> may_go;
  for (Stored& file : LeastRecentlyUsedFirst(folder_)) {
    if (file.path == PartOf(Path(sha256))) {
      there = file.bytes;
      continue;
    }
    others += file.bytes;
    const bool part = file.path.extension() == kPart;
    if (!keep.contains(part ? file.path.stem() : file.path.filename())) may_go.push_back(std::move(file));
  }
  for (const Stored& file : may_go) {
    if (others + bytes <= limits_.total_bytes) break;
    if (unlink(file.path.c_str()) == 0) others -= file.bytes;
  }
  if (others + bytes > limits_.total_bytes)
    return absl::ResourceExhaustedError(absl::StrCat("bytes: ", MiB(bytes), " does not fit into the ",
                                                     MiB(limits_.total_bytes), " for such files beside ", MiB(others),
                                                     " that are in use"));
  return std::min(there, bytes);
}

absl::StatusOr<std::unique_ptr<Incoming>> ContentStore::Receive(const std::string& sha256, std::uint64_t bytes,
                                                                const std::set<std::string>& keep) {
  if (auto reserved = Reserve(sha256, bytes, keep); !reserved.ok()) return reserved.status();
  if (auto made = MakeStateFolder(folder_); !made.ok()) return made;
  return Incoming::Open(Path(sha256), sha256, bytes);
}

}  // namespace rsg
