#include "coordinator/schedule/records.hpp"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace rsg::schedule {
namespace {

// Takes a positive number without sign or leading zero from the front of `text`; at most 18 digits, so that any fits.
std::optional<std::int64_t> TakeNumber(std::string_view* text) {
  if (text->empty() || text->front() < '1' || text->front() > '9') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  const auto digits = static_cast<std::size_t>(end - text->data());
  if (error != std::errc() || digits > 18) return std::nullopt;
  text->remove_prefix(digits);
  return number;
}

bool TakeLetter(std::string_view* text, char letter) {
  if (text->empty() || text->front() != letter) return false;
  text->remove_prefix(1);
  return true;
}

std::optional<JobKey> TakeJob(std::string_view* text) {
  if (!TakeLetter(text, 's')) return std::nullopt;
  const auto sweep = TakeNumber(text);
  if (!sweep || !TakeLetter(text, '.')) return std::nullopt;
  const auto job = TakeNumber(text);
  if (!job) return std::nullopt;
  return JobKey{.sweep = *sweep, .job = *job};
}

}  // namespace

std::string SweepId(std::int64_t sweep) { return absl::StrCat("s", sweep); }
std::string Id(const JobKey& key) { return absl::StrCat("s", key.sweep, ".", key.job); }
std::string Id(const AttemptKey& key) { return absl::StrCat(Id(key.job), ".", key.attempt); }

std::optional<std::int64_t> ParseSweepId(std::string_view id) {
  if (!TakeLetter(&id, 's')) return std::nullopt;
  const auto sweep = TakeNumber(&id);
  return id.empty() ? sweep : std::nullopt;
}

std::optional<JobKey> ParseJobId(std::string_view id) {
  const auto key = TakeJob(&id);
  return id.empty() ? key : std::nullopt;
}

std::optional<AttemptKey> ParseAttemptId(std::string_view id) {
  const auto job = TakeJob(&id);
  if (!job || !TakeLetter(&id, '.')) return std::nullopt;
  const auto attempt = TakeNumber(&id);
  if (!attempt || !id.empty()) return std::nullopt;
  return AttemptKey{*job, *attempt};
}

}  // namespace rsg::schedule
