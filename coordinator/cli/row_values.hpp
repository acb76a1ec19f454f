// Values and colours that several kinds of rows share; for the sources of rows.hpp.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "coordinator/cli/table.hpp"

namespace rsg::cli {

/// Of a state or an outcome.
inline std::optional<Ink> OutcomeInk(const Value& value) {
  const auto* word = std::get_if<std::string>(&value);
  if (word == nullptr) return std::nullopt;
  if (*word == "COMPLETED" || *word == "RUNNING" || *word == "BUSY") return Ink::kGood;
  if (*word == "FAILED" || *word == "LOST" || *word == "REVOKED") return Ink::kBad;
  if (*word == "OUT_OF_MEMORY" || *word == "UNSUPPORTED" || *word == "CANCELLED" || *word == "DRAINING")
    return Ink::kWarn;
  if (*word == "SKIPPED" || *word == "DETACHED" || *word == "QUEUED") return Ink::kDim;
  return std::nullopt;
}

inline Value Integer(std::uint64_t number) { return static_cast<std::int64_t>(number); }
/// Absent rather than empty, as SQL has it.
inline Value TextOrNull(std::string text) { return text.empty() ? Value() : Value(std::move(text)); }

}  // namespace rsg::cli
