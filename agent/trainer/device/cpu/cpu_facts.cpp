#include "agent/trainer/device/cpu/cpu_facts.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>

namespace rsg::trainer {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The text after "key   :" up to the line's end, for the first line that begins with the key.
std::optional<std::string_view> ValueOf(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    const auto start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string_view::npos ? std::string_view() : line.substr(start);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::uint32_t Clamped(std::uint64_t mib) { return static_cast<std::uint32_t>(std::min<std::uint64_t>(mib, kMost)); }

// A number of bytes in a file of the control group (version 2, then 1); nothing when it says "max" or is absent.
std::optional<std::uint64_t> GroupBytes(const char* version2, const char* version1) {
  for (const char* path : {version2, version1})
    if (const auto bytes = Number(ReadAll(path))) return bytes;
  return std::nullopt;
}

std::optional<std::uint64_t> GroupLimit() {
  return GroupBytes("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes");
}

// Memory of the group that cannot be given back: page cache of files counts as free.
std::uint64_t GroupUse() {
  const auto used = GroupBytes("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes");
  if (!used) return 0;
  const std::string stat = ReadAll("/sys/fs/cgroup/memory.stat");
  const auto field = stat.find("inactive_file ");
  const auto cache = field == std::string::npos ? std::nullopt : Number(std::string_view(stat).substr(field + 14));
  return *used - std::min(*used, cache.value_or(0));
}

}  // namespace

std::string CpuNameIn(std::string_view cpuinfo) {
  const auto name = ValueOf(cpuinfo, "model name");
  return name && !name->empty() ? std::string(*name) : "CPU";
}

std::optional<std::uint32_t> MeminfoMib(std::string_view meminfo, std::string_view field) {
  const auto text = ValueOf(meminfo, field);
  const auto kib = text ? Number(*text) : std::nullopt;
  if (!kib) return std::nullopt;
  return Clamped(*kib / 1024);
}

std::string CpuName() { return CpuNameIn(ReadAll("/proc/cpuinfo")); }

std::uint32_t MemoryMib() {
  const std::uint32_t machine = MeminfoMib(ReadAll("/proc/meminfo"), "MemTotal").value_or(0);
  const auto limit = GroupLimit();
  return limit ? std::min(machine, Clamped(*limit / kMiB)) : machine;
}

std::uint32_t AvailableMemoryMib() {
  const std::uint32_t machine = MeminfoMib(ReadAll("/proc/meminfo"), "MemAvailable").value_or(kMost);
  const auto limit = GroupLimit();
  if (!limit) return machine;
  const std::uint64_t used = std::min(*limit, GroupUse());
  return std::min(machine, Clamped((*limit - used) / kMiB));
}

}  // namespace rsg::trainer
