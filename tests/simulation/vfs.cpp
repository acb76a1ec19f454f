#include "vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <string>

namespace rsg::sim {
namespace {

constexpr int kSectorSize = 4096;
constexpr sqlite3_int64 kJulianMilliseconds = 212'200'000'000'000;  // any day will do

struct State {
  Disk* disk = nullptr;
  Random random{0};
  // Those who have a database open, for their locks; and its shared memory, by file.
  std::vector<struct Handle*> handles;
  std::map<const File*, std::vector<std::unique_ptr<char[]>>> shared_memory;
};

State& TheState() {
  static State state;
  return state;
}

struct Handle : sqlite3_file {
  std::shared_ptr<File> file;
  std::uint64_t generation = 0;
  int lock = SQLITE_LOCK_NONE;
  unsigned shared = 0;  // locks on shared memory, a bit each
  unsigned exclusive = 0;
  bool maps = false;
};

Handle& Of(sqlite3_file* file) { return *static_cast<Handle*>(file); }
bool Void(const Handle& handle) {
  const Disk& disk = *TheState().disk;
  return disk.off() || handle.generation != disk.generation();
}

int Code(Disk::Result result, int error) {
  if (result == Disk::Result::kOk) return SQLITE_OK;
  return result == Disk::Result::kFull ? SQLITE_FULL : error;
}

template <typename Check>
bool AnyOther(const Handle& handle, Check check) {
  return std::any_of(TheState().handles.begin(), TheState().handles.end(), [&](const Handle* other) {
    return other != &handle && other->file == handle.file && other->generation == handle.generation && check(*other);
  });
}

void Unmap(Handle& handle) {
  if (!std::exchange(handle.maps, false)) return;
  if (!AnyOther(handle, [](const Handle& other) { return other.maps; }))
    TheState().shared_memory.erase(handle.file.get());
}

int Close(sqlite3_file* file) {
  Handle& handle = Of(file);
  Unmap(handle);
  std::erase(TheState().handles, &handle);
  handle.~Handle();
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  Handle& handle = Of(file);
  if (Void(handle) || TheState().disk->Read() != Disk::Result::kOk) return SQLITE_IOERR_READ;
  const std::string& content = handle.file->seen;
  const auto from = std::min(static_cast<std::size_t>(offset), content.size());
  const auto there = std::min(static_cast<std::size_t>(amount), content.size() - from);
  std::memcpy(to, content.data() + from, there);
  if (there == static_cast<std::size_t>(amount)) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + there, 0, static_cast<std::size_t>(amount) - there);
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  Handle& handle = Of(file);
  if (Void(handle)) return SQLITE_IOERR_WRITE;
  const std::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(amount));
  return Code(TheState().disk->Write(*handle.file, static_cast<std::uint64_t>(offset), bytes), SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  Handle& handle = Of(file);
  if (Void(handle)) return SQLITE_IOERR_TRUNCATE;
  return Code(TheState().disk->Truncate(*handle.file, static_cast<std::uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
}

int Sync(sqlite3_file* file, int) {
  Handle& handle = Of(file);
  if (Void(handle)) return SQLITE_IOERR_FSYNC;
  return Code(TheState().disk->Sync(*handle.file), SQLITE_IOERR_FSYNC);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  if (Void(Of(file))) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(Of(file).file->seen.size());
  return SQLITE_OK;
}

int Lock(sqlite3_file* file, int level) {
  Handle& handle = Of(file);
  if (Void(handle)) return SQLITE_IOERR_LOCK;
  if (handle.lock >= level) return SQLITE_OK;
  const auto highest = [&](int at_least) {
    return AnyOther(handle, [&](const Handle& other) { return other.lock >= at_least; });
  };
  if (level == SQLITE_LOCK_SHARED && highest(SQLITE_LOCK_PENDING)) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_RESERVED && highest(SQLITE_LOCK_RESERVED)) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_EXCLUSIVE && highest(SQLITE_LOCK_SHARED)) {
    if (!highest(SQLITE_LOCK_PENDING)) handle.lock = SQLITE_LOCK_PENDING;
    return SQLITE_BUSY;
  }
  handle.lock = level;
  return SQLITE_OK;
}

int Unlock(sqlite3_file* file, int level) {
  Of(file).lock = std::min(Of(file).lock, level);
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* file, int* reserved) {
  Handle& handle = Of(file);
  *reserved = handle.lock >= SQLITE_LOCK_RESERVED ||
              AnyOther(handle, [](const Handle& other) { return other.lock >= SQLITE_LOCK_RESERVED; });
  return SQLITE_OK;
}

int FileControl(sqlite3_file*, int what, void* value) {
  if (what != SQLITE_FCNTL_LAST_ERRNO) return SQLITE_NOTFOUND;
  *static_cast<int*>(value) = 0;
  return SQLITE_OK;
}

int SectorSize(sqlite3_file*) { return kSectorSize; }
// As SQLite's own for Linux: a torn write does no harm outside of what it was to write.
int Characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** at) {
  Handle& handle = Of(file);
  *at = nullptr;
  if (Void(handle)) return SQLITE_IOERR_SHMMAP;
  handle.maps = true;
  auto& regions = TheState().shared_memory[handle.file.get()];
  const auto index = static_cast<std::size_t>(region);
  if (regions.size() <= index && !extend) return SQLITE_OK;
  while (regions.size() <= index) regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  *at = regions[index].get();
  return SQLITE_OK;
}

int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  Handle& handle = Of(file);
  const unsigned mask = ((1u << count) - 1u) << offset;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    ((flags & SQLITE_SHM_SHARED) != 0 ? handle.shared : handle.exclusive) &= ~mask;
    return SQLITE_OK;
  }
  if (Void(handle)) return SQLITE_IOERR_SHMLOCK;
  const bool alone = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  const bool taken = AnyOther(
      handle, [&](const Handle& other) { return ((other.exclusive | (alone ? other.shared : 0u)) & mask) != 0; });
  if (taken) return SQLITE_BUSY;
  (alone ? handle.exclusive : handle.shared) |= mask;
  return SQLITE_OK;
}

void ShmBarrier(sqlite3_file*) {}

int ShmUnmap(sqlite3_file* file, int) {
  Unmap(Of(file));
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods{2,
                                  Close,
                                  Read,
                                  Write,
                                  Truncate,
                                  Sync,
                                  FileSize,
                                  Lock,
                                  Unlock,
                                  CheckReservedLock,
                                  FileControl,
                                  SectorSize,
                                  Characteristics,
                                  ShmMap,
                                  ShmLock,
                                  ShmBarrier,
                                  ShmUnmap,
                                  nullptr,
                                  nullptr};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* to, int flags, int* out_flags) {
  to->pMethods = nullptr;
  Disk& disk = *TheState().disk;
  if (disk.off()) return SQLITE_CANTOPEN;
  std::shared_ptr<File> file = name == nullptr ? std::make_shared<File>() : disk.Find(name);
  if (!file && ((flags & SQLITE_OPEN_CREATE) != 0 || (flags & SQLITE_OPEN_MAIN_DB) != 0)) file = disk.Make(name);
  if (!file) return SQLITE_CANTOPEN;
  auto* handle = new (to) Handle;
  handle->pMethods = &kMethods;
  handle->file = std::move(file);
  handle->generation = disk.generation();
  TheState().handles.push_back(handle);
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs*, const char* name, int sync_folder) {
  Disk& disk = *TheState().disk;
  if (!disk.Find(name)) return SQLITE_IOERR_DELETE_NOENT;
  return Code(disk.Remove(name, sync_folder != 0), SQLITE_IOERR_DELETE);
}

int Access(sqlite3_vfs*, const char* name, int, int* answer) {
  const auto file = TheState().disk->Find(name);
  *answer = file != nullptr;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* to) {
  sqlite3_snprintf(size, to, "%s", name);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs*, int size, char* to) {
  for (int i = 0; i < size; ++i) to[i] = static_cast<char>(TheState().random.Next());
  return size;
}

int Sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int CurrentTime(sqlite3_vfs*, sqlite3_int64* now) {
  *now = kJulianMilliseconds;
  return SQLITE_OK;
}

int LastError(sqlite3_vfs*, int, char*) { return 0; }

sqlite3_vfs MakeVfs() {
  sqlite3_vfs vfs{};
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(Handle);
  vfs.mxPathname = 512;
  vfs.zName = "simulated";
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.xFullPathname = FullPathname;
  vfs.xRandomness = Randomness;
  vfs.xSleep = Sleep;
  vfs.xGetLastError = LastError;
  vfs.xCurrentTimeInt64 = CurrentTime;
  return vfs;
}

sqlite3_vfs& TheVfs() {
  static sqlite3_vfs vfs = MakeVfs();
  return vfs;
}

}  // namespace

DiskVfs::DiskVfs(Disk* disk, std::uint64_t seed) {
  TheState().disk = disk;
  TheState().random = Random(seed);
  sqlite3_vfs_register(&TheVfs(), /*makeDflt=*/1);
  sqlite3_randomness(0, nullptr);  // forgets what came before
}

DiskVfs::~DiskVfs() { sqlite3_vfs_unregister(&TheVfs()); }

}  // namespace rsg::sim
