// A YAML document that is one flat map, as configuration and sweep files are. Thread-safe; throws nothing.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace rsg::cli {

struct YamlEntry {
  std::string key;
  std::string value;  ///< a scalar's text as written; a list's scalars joined by commas
  int line = 0;       ///< of the key, from 1
};

/// The entries in the order of the file; an empty document has none. INVALID_ARGUMENT "SOURCE:LINE: ..." for bad YAML,
/// for anything but a map of scalars and lists of scalars, for a key without a value or one that stands twice.
absl::StatusOr<std::vector<YamlEntry>> ReadYamlMap(std::string_view text, std::string_view source);

}  // namespace rsg::cli
