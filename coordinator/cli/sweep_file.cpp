#include "coordinator/cli/sweep_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/files.hpp"
#include "common/refusal.hpp"
#include "coordinator/cli/yaml_map.hpp"

namespace rsg::cli {
namespace {

constexpr std::size_t kMaxBytes = 64 << 10;

}  // namespace

absl::StatusOr<SweepFile> ParseSweepFile(std::string_view yaml, std::string_view source) {
  const auto entries = ReadYamlMap(yaml, source);
  if (!entries.ok()) return entries.status();
  auto known = SweepFieldNames();
  known.emplace_back("preset");
  SweepFile file;
  for (const YamlEntry& entry : *entries) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end())
      return RefuseWord(fmt::format("{}:{}", source, entry.line), entry.key, known);
    if (entry.key == "preset")
      file.preset = entry.value;
    else
      file.fields[entry.key] = entry.value;
  }
  return file;
}

absl::StatusOr<SweepFile> ReadSweepFile(const std::string& path) {
  const bool standard_input = path == "-";
  const auto text = ReadFile(standard_input ? "/dev/stdin" : path, kMaxBytes);
  if (!text.ok()) return text.status();
  return ParseSweepFile(*text, standard_input ? "standard input" : path);
}

}  // namespace rsg::cli
