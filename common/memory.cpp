#include "common/memory.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace rsg {
namespace {

constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

/// The files of a version of control groups.
struct Files {
  const char* limit;
  const char* use;
  const char* unused_cache;  ///< field of memory.stat, descendants included
};
constexpr Files kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Files kVersion2{"memory.max", "memory.current", "inactive_file"};

struct Group {
  std::filesystem::path folder;
  const Files& files;
};

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The number behind `key` in lines of keys and numbers ("MemTotal:  24033628 kB").
std::optional<std::uint64_t> Field(const std::string& content, absl::string_view key) {
  for (const absl::string_view line : absl::StrSplit(content, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipWhitespace());
    std::uint64_t value = 0;
    if (words.size() >= 2 && words[0] == key && absl::SimpleAtoi(words[1], &value)) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Bytes(const std::filesystem::path& file) {
  std::uint64_t bytes = 0;
  if (!absl::SimpleAtoi(Contents(file), &bytes)) return std::nullopt;  // absent, or "max"
  return bytes;
}

std::uint64_t LimitOf(const Group& group) {
  const auto limit = Bytes(group.folder / group.files.limit);
  return limit && *limit > 0 ? *limit : kUnlimited;
}

std::uint64_t RoomIn(const Group& group) {
  const std::uint64_t limit = LimitOf(group);
  if (limit == kUnlimited) return limit;
  const std::uint64_t used = Bytes(group.folder / group.files.use).value_or(0);
  const std::uint64_t cache = Field(Contents(group.folder / "memory.stat"), group.files.unused_cache).value_or(0);
  return limit - std::min(limit, used - std::min(used, cache));
}

/// From the root of the hierarchy at `mount` to the process's group.
void AddGroups(const std::filesystem::path& mount, absl::string_view group, const Files& files,
               std::vector<Group>* groups) {
  std::filesystem::path folder = mount;
  groups->push_back({folder, files});
  for (const absl::string_view part : absl::StrSplit(group, '/', absl::SkipEmpty())) {
    if (part == "..") return;  // seen from inside a namespace: the rest of the way is not ours to see
    groups->push_back({folder /= std::string(part), files});
  }
}

std::vector<Group> GroupsOfThisProcess(const std::filesystem::path& root) {
  std::vector<Group> groups;
  const std::string own = Contents(root / "proc/self/cgroup");
  for (const absl::string_view line : absl::StrSplit(own, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (fields[0] == "0") AddGroups(root / "sys/fs/cgroup", fields[2], kVersion2, &groups);
    if (fields[1] == "memory") AddGroups(root / "sys/fs/cgroup/memory", fields[2], kVersion1, &groups);
  }
  return groups;
}

std::uint32_t Clamped(std::uint64_t mib) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(mib, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

std::uint32_t MemoryMib(const std::filesystem::path& root) {
  std::uint64_t mib = Field(Contents(root / "proc/meminfo"), "MemTotal:").value_or(0) / 1024;
  for (const Group& group : GroupsOfThisProcess(root)) mib = std::min(mib, LimitOf(group) / kMib);
  return Clamped(mib);
}

std::uint32_t AvailableMemoryMib(const std::filesystem::path& root) {
  std::uint64_t mib = Field(Contents(root / "proc/meminfo"), "MemAvailable:").value_or(kUnlimited) / 1024;
  for (const Group& group : GroupsOfThisProcess(root)) mib = std::min(mib, RoomIn(group) / kMib);
  return Clamped(mib);
}

}  // namespace rsg
