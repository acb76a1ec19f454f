#include "coordinator/cli/yaml_map.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "common/refusal.hpp"
#include "common/text.hpp"

namespace rsg::cli {
namespace {

constexpr std::size_t kMaxEntries = 256;  // keys, and items of one list

absl::Status WrongAt(std::string_view source, int line, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}:{}: {}", source, line, what));
}

absl::StatusOr<std::string> TextOf(const YAML::Node& node, std::string_view key, std::string_view source) {
  const int line = node.Mark().line + 1;
  if (node.IsScalar()) return node.Scalar();
  const std::string wanted = fmt::format("{} takes a value or a list of values", Quote(key));
  if (!node.IsSequence()) return WrongAt(source, line, wanted);
  if (node.size() == 0) return WrongAt(source, line, fmt::format("{} is an empty list; leave it out", Quote(key)));
  if (node.size() > kMaxEntries) return WrongAt(source, line, fmt::format("{} has more than 256 entries", Quote(key)));
  std::string joined;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return WrongAt(source, item.Mark().line + 1, wanted);
    joined.append(joined.empty() ? "" : ",").append(item.Scalar());
  }
  return joined;
}

absl::StatusOr<std::vector<YamlEntry>> Entries(const YAML::Node& document, std::string_view source) {
  std::vector<YamlEntry> entries;
  if (document.IsNull()) return entries;
  if (!document.IsMap())
    return WrongAt(source, document.Mark().line + 1, "not a map; write lines of the form KEY: VALUE");
  if (document.size() > kMaxEntries) return WrongAt(source, 1, "more than 256 keys");
  std::set<std::string> seen;
  for (const auto& pair : document) {
    const int line = pair.first.Mark().line + 1;
    if (!pair.first.IsScalar()) return WrongAt(source, line, "a key is no plain text");
    const std::string key = pair.first.Scalar();
    if (!seen.insert(key).second) return WrongAt(source, line, fmt::format("{} stands twice", Quote(key)));
    if (pair.second.IsNull()) return WrongAt(source, line, fmt::format("{} has no value", Quote(key)));
    auto value = TextOf(pair.second, key, source);
    if (!value.ok()) return value.status();
    entries.push_back({key, *std::move(value), line});
  }
  return entries;
}

}  // namespace

absl::StatusOr<std::vector<YamlEntry>> ReadYamlMap(std::string_view text, std::string_view source) {
  if (!IsUtf8(text)) return absl::InvalidArgumentError(fmt::format("{}: no UTF-8 text", source));
  try {
    return Entries(YAML::Load(std::string(text)), source);
  } catch (const YAML::Exception& e) {
    return WrongAt(source, e.mark.is_null() ? 1 : e.mark.line + 1, Printable(e.msg, true));
  } catch (const std::exception& e) {  // yaml-cpp lets others pass, such as std::length_error
    return absl::InvalidArgumentError(fmt::format("{}: {}", source, Printable(e.what(), true)));
  }
}

}  // namespace rsg::cli
