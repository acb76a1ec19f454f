#include "agent/facts/host.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/protocol/text.hpp"
#include "common/files.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMaxBytes = 4 << 20;  // /proc/cpuinfo of hundreds of cores
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxInfo = 64 << 10;

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

std::string CpuInfo(const std::filesystem::path& root) { return CleanHead(Contents(root / "proc/cpuinfo"), kMaxInfo); }

std::string BootId(const std::filesystem::path& root) {
  return std::string(absl::StripAsciiWhitespace(Contents(root / "proc/sys/kernel/random/boot_id"))).substr(0, 64);
}

}  // namespace rsg::agent
