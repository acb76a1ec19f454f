#include "coordinator/server/state_backup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/files.hpp"

namespace rsg::server {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "rsg.db";
constexpr std::size_t kSha256Digits = 64;

absl::Status Failed(const char* what, const fs::path& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path.string()));
}

// A copy that is on the disk, with the permissions of the original.
absl::Status CopyFile(const fs::path& from, const fs::path& to, Copied* copied) {
  std::error_code error;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) return Failed("copy to", to, error.value());
  const int fd = open(to.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return Failed("open", to, errno);
  const int synced = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  if (synced != 0) return Failed("write", to, synced);
  copied->bytes += fs::file_size(to, error);
  return absl::OkStatus();
}

absl::Status MakeFolder(const fs::path& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Failed("make", folder, errno);
  return absl::OkStatus();
}

// Lines and certificates; a state folder whose coordinator never came to listen lacks some.
absl::Status CopyIdentity(const fs::path& from, const fs::path& to, Copied* copied) {
  if (auto s = MakeFolder(to / "tls"); !s.ok()) return s;
  for (const char* file : {"operator", "join", "tls/ca.key", "tls/ca.pem", "tls/server.key", "tls/server.pem"}) {
    std::error_code error;
    if (!fs::exists(from / file, error)) continue;
    if (auto s = CopyFile(from / file, to / file, copied); !s.ok()) return s;
  }
  SyncFolder(to / "tls");
  return absl::OkStatus();
}

bool IsScript(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.size() == kSha256Digits && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Those that are whole. One that the running coordinator throws away meanwhile is not missed.
absl::Status CopyScripts(const fs::path& from, const fs::path& to, Copied* copied) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from / "scripts", error)) {
    if (!IsScript(entry.path())) continue;
    if (auto s = MakeFolder(to / "scripts"); !s.ok()) return s;
    auto done = CopyFile(entry.path(), to / "scripts" / entry.path().filename(), copied);
    if (!done.ok() && fs::exists(entry.path(), error)) return done;
    if (done.ok()) ++copied->scripts;
  }
  if (copied->scripts > 0) SyncFolder(to / "scripts");
  return absl::OkStatus();
}

// What root restores into a service's folder is of no use to the service unless it is the folder owner's.
absl::Status GiveToOwner(const fs::path& state, const fs::path& database) {
  struct stat owner {};
  if (stat(state.c_str(), &owner) != 0) return Failed("look at", state, errno);
  if (geteuid() != 0 || owner.st_uid == 0) return absl::OkStatus();
  std::vector<fs::path> made{database};
  for (const char* name : {"lock", "operator", "join", "tls", "scripts"}) made.push_back(state / name);
  std::error_code error;
  for (const char* folder : {"tls", "scripts"})
    for (const auto& entry : fs::directory_iterator(state / folder, error)) made.push_back(entry.path());
  for (const fs::path& path : made)
    if (lchown(path.c_str(), owner.st_uid, owner.st_gid) != 0 && errno != ENOENT)
      return Failed("give to the folder's owner", path, errno);
  return absl::OkStatus();
}

fs::path Beside(const fs::path& folder) { return fs::absolute(folder).parent_path(); }

}  // namespace

absl::StatusOr<Copied> BackUp(const fs::path& state, const fs::path& named, bool scripts) {
  std::error_code error;
  const fs::path folder = named.has_filename() ? named : named.parent_path();
  if (fs::exists(fs::symlink_status(folder, error)))
    return absl::AlreadyExistsError(absl::StrCat(folder.string(), " is there already; name a new folder"));
  if (!fs::exists(state / kDatabase, error))
    return absl::NotFoundError(
        absl::StrCat("no coordinator's database in ", state.string(), "; name its state folder with --state"));
  const fs::path partial = folder.string() + ".partial";
  fs::remove_all(partial, error);  // of a backup that was interrupted
  Copied copied;
  const auto copy = [&]() -> absl::Status {
    if (auto s = MakeFolder(partial); !s.ok()) return s;
    if (auto s = store::Copy(state / kDatabase, partial / kDatabase); !s.ok()) return s;
    copied.bytes += fs::file_size(partial / kDatabase, error);
    if (auto s = CopyIdentity(state, partial, &copied); !s.ok()) return s;
    if (scripts)
      if (auto s = CopyScripts(state, partial, &copied); !s.ok()) return s;
    const auto holdings = store::Inspect(partial / kDatabase);
    if (!holdings.ok()) return holdings.status();
    copied.holdings = *holdings;
    SyncFolder(partial);
    if (rename(partial.c_str(), folder.c_str()) != 0) return Failed("make", folder, errno);
    SyncFolder(Beside(folder));
    return absl::OkStatus();
  };
  if (auto done = copy(); !done.ok()) {
    fs::remove_all(partial, error);
    return done;
  }
  return copied;
}

absl::StatusOr<Copied> Restore(const fs::path& folder, const fs::path& state) {
  std::error_code error;
  if (!fs::exists(folder / kDatabase, error))
    return absl::NotFoundError(
        absl::StrCat(folder.string(), " is no backup: it has no ", kDatabase, "; name a folder that rsg backup made"));
  Copied copied;
  const auto holdings = store::Inspect(folder / kDatabase);
  if (!holdings.ok()) return holdings.status();
  copied.holdings = *holdings;
  if (auto s = MakeStateFolder(state); !s.ok()) return s;
  const auto lock = FileLock::Acquire(state / "lock");
  if (!lock.ok()) return lock.status();
  // A journal that is left is as bad: SQLite would play it into the restored database.
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    if (fs::exists(state / (std::string(kDatabase) + suffix), error))
      return absl::AlreadyExistsError(
          absl::StrCat(state.string(), " has a coordinator's database already (", kDatabase, suffix,
                       "), which is left as it is; name another folder with --state, or move all of rsg.db* away"));
  if (auto s = CopyIdentity(folder, state, &copied); !s.ok()) return s;
  if (auto s = CopyScripts(folder, state, &copied); !s.ok()) return s;
  const fs::path partial = state / (std::string(kDatabase) + ".partial");
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(partial.string() + suffix, error);
  auto done = CopyFile(folder / kDatabase, partial, &copied);
  if (done.ok()) done = store::MakeDistinct(partial);
  if (done.ok()) done = GiveToOwner(state, partial);
  if (done.ok() && rename(partial.c_str(), (state / kDatabase).c_str()) != 0)
    done = Failed("make", state / kDatabase, errno);
  if (!done.ok()) {
    unlink(partial.c_str());
    return done;
  }
  SyncFolder(state);
  return copied;
}

}  // namespace rsg::server
