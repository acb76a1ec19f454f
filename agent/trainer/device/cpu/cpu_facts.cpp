#include "agent/trainer/device/cpu/cpu_facts.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

namespace rsg::trainer {
namespace {

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

}  // namespace

std::string CpuNameIn(std::string_view cpuinfo) {
  const auto name = ValueOf(cpuinfo, "model name");
  return name && !name->empty() ? std::string(*name) : "CPU";
}

std::string CpuName() { return CpuNameIn(ReadAll("/proc/cpuinfo")); }

}  // namespace rsg::trainer
