#include "agent/facts/host.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/protocol/text.hpp"
#include "common/files.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMaxBytes = 4 << 20;  // /proc/cpuinfo of hundreds of cores
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxInfo = 64 << 10;
constexpr std::uint64_t kMib = 1 << 20;

std::string Contents(const std::filesystem::path& path) {
  const auto content = ReadFile(path, kMaxBytes);
  return content.ok() ? *content : "";
}

/// What stands behind `key` and the separator in the first line that begins with `key`.
std::string Value(const std::string& content, absl::string_view key, char separator) {
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    const auto at = line.find(separator);
    if (at == absl::string_view::npos || absl::StripAsciiWhitespace(line.substr(0, at)) != key) continue;
    absl::string_view value = absl::StripAsciiWhitespace(line.substr(at + 1));
    if (absl::ConsumePrefix(&value, "\"")) absl::ConsumeSuffix(&value, "\"");
    return CleanHead(std::string_view(value.data(), value.size()), kMaxName);
  }
  return "";
}

std::string Architecture() {
  utsname names{};
  return uname(&names) == 0 ? names.machine : "unknown";
}

std::uint64_t LimitIn(const std::filesystem::path& file) {
  std::uint64_t bytes = 0;
  const std::string content = Contents(file);
  const bool number = absl::SimpleAtoi(absl::StripAsciiWhitespace(content), &bytes);  // or "max"
  return number && bytes > 0 ? bytes : std::numeric_limits<std::uint64_t>::max();
}

/// The tightest limit from the process's group up to the root of the hierarchy at `mount`.
std::uint64_t GroupLimit(const std::filesystem::path& mount, absl::string_view group, const char* file) {
  std::uint64_t limit = LimitIn(mount / file);
  std::filesystem::path path = mount;
  for (absl::string_view part : absl::StrSplit(group, '/', absl::SkipEmpty())) {
    if (part == "..") break;  // seen from inside a namespace: the rest of the way is not ours to see
    path /= std::string(part);
    limit = std::min(limit, LimitIn(path / file));
  }
  return limit;
}

std::uint64_t ControlGroupLimit(const std::filesystem::path& root) {
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  const std::string groups = Contents(root / "proc/self/cgroup");
  for (absl::string_view line : absl::StrSplit(groups, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (fields[0] == "0") limit = std::min(limit, GroupLimit(root / "sys/fs/cgroup", fields[2], "memory.max"));
    if (fields[1] == "memory")
      limit = std::min(limit, GroupLimit(root / "sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"));
  }
  return limit;
}

}  // namespace

std::string Hostname() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "unknown";
  return CleanHead(name, kMaxName);
}

std::string OperatingSystem(const std::filesystem::path& root) {
  for (const char* file : {"etc/os-release", "usr/lib/os-release"}) {
    std::string name = Value(Contents(root / file), "PRETTY_NAME", '=');
    if (!name.empty()) return name;
  }
  return "Linux";
}

std::string CpuModel(const std::filesystem::path& root) {
  std::string model = Value(Contents(root / "proc/cpuinfo"), "model name", ':');
  return model.empty() ? Architecture() : model;
}

std::uint32_t AllowedCpus() {
  // Room for more CPUs than the fixed cpu_set_t has.
  constexpr int kMost = 8192;
  cpu_set_t* set = CPU_ALLOC(kMost);
  const std::size_t bytes = CPU_ALLOC_SIZE(kMost);
  const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 1;
  CPU_FREE(set);
  return static_cast<std::uint32_t>(std::max(1, count));
}

std::uint32_t MemoryMib(const std::filesystem::path& root) {
  const std::string total = Value(Contents(root / "proc/meminfo"), "MemTotal", ':');  // "24033628 kB"
  std::uint64_t kib = 0;
  if (!absl::SimpleAtoi(absl::StripSuffix(total, " kB"), &kib)) return 0;
  const std::uint64_t mib = std::min(kib / 1024, ControlGroupLimit(root) / kMib);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(mib, std::numeric_limits<std::uint32_t>::max()));
}

std::string CpuInfo(const std::filesystem::path& root) { return CleanHead(Contents(root / "proc/cpuinfo"), kMaxInfo); }

std::string BootId(const std::filesystem::path& root) {
  return std::string(absl::StripAsciiWhitespace(Contents(root / "proc/sys/kernel/random/boot_id"))).substr(0, 64);
}

}  // namespace rsg::agent
