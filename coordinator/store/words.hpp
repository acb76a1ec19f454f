// Enums and messages in columns: enums as the words of common/words.hpp, unspecified as NULL, messages as JSON.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/json.hpp"
#include "common/words.hpp"
#include "google/protobuf/generated_enum_reflection.h"

namespace rsg::store {

/// A text for a column where empty is NULL.
inline std::optional<std::string> OrNull(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

/// The value whose word stands in `column`; unspecified for NULL or "". DATA_LOSS for any other word.
template <typename Enum>
absl::StatusOr<Enum> EnumOf(std::string_view word, absl::string_view column) {
  if (word.empty()) return static_cast<Enum>(0);
  const auto* type = google::protobuf::GetEnumDescriptor<Enum>();
  for (int i = 0; i < type->value_count(); ++i) {
    const auto value = static_cast<Enum>(type->value(i)->number());
    if (Word(value) == word) return value;
  }
  return absl::DataLossError(absl::StrCat("database: column ", column, " holds \"", std::string(word),
                                          "\", which is none of its words; restore a backup"));
}

/// The message whose JSON stands in `column`. Fields of a newer program are passed over. DATA_LOSS when it is none.
template <typename Message>
absl::Status MessageOf(std::string_view json, absl::string_view column, Message* message) {
  const auto parsed = FromJson(json, message);
  if (parsed.ok()) return parsed;
  return absl::DataLossError(
      absl::StrCat("database: column ", column, " holds no valid JSON: ", parsed.message(), "; restore a backup"));
}

}  // namespace rsg::store
