#include "coordinator/cli/number_list.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <set>
#include <string>

#include "common/refusal.hpp"

namespace rsg::cli {
namespace {

constexpr std::size_t kMaxItems = 256;
constexpr std::string_view kForms = "write numbers such as 8,16 or ranges such as 8..64 (doubles) and 8..64+8 (steps)";

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string Bounds(const NumberRule& rule) { return fmt::format("use {} to {}", rule.min, rule.max); }

// Digits only; nothing when it is no number, one past the largest when it is too large for 32 bits.
std::optional<std::uint64_t> Digits(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  constexpr std::uint64_t kTooLarge = std::uint64_t{1} << 32;
  return error == std::errc::result_out_of_range || value > kTooLarge ? kTooLarge : value;
}

absl::StatusOr<std::uint64_t> Bounded(std::string_view text, std::string_view item, const NumberRule& rule) {
  const auto value = Digits(Trim(text));
  if (!value) return Refuse(rule.field, fmt::format("{} is no number or range", Quote(item)), kForms);
  if (*value < rule.min || *value > rule.max)
    return Refuse(rule.field, fmt::format("{} is out of range", Quote(text)), Bounds(rule));
  return *value;
}

struct Series {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t step = 0;  // 0: doubles
};

absl::StatusOr<Series> ParseSeries(std::string_view item, std::size_t dots, const NumberRule& rule) {
  const std::string_view tail = item.substr(dots + 2);
  const std::size_t plus = tail.find('+');
  const auto first = Bounded(item.substr(0, dots), item, rule);
  if (!first.ok()) return first.status();
  const auto last = Bounded(tail.substr(0, plus), item, rule);
  if (!last.ok()) return last.status();
  if (*last < *first)
    return Refuse(rule.field, fmt::format("{} runs downwards", Quote(item)),
                  fmt::format("write {}..{}", *last, *first));
  Series series{*first, *last, 0};
  if (plus == std::string_view::npos) return series;
  const auto step = Digits(Trim(tail.substr(plus + 1)));
  if (!step) return Refuse(rule.field, fmt::format("{} has no number after '+'", Quote(item)), kForms);
  if (*step == 0) return Refuse(rule.field, fmt::format("{} has step 0", Quote(item)), "use a step of 1 or more");
  series.step = *step;
  if ((series.last - series.first) / series.step >= rule.max_count)
    return Refuse(rule.field,
                  fmt::format("{} stands for {} numbers", Quote(item), (series.last - series.first) / series.step + 1),
                  fmt::format("at most {} are taken; use a larger step", rule.max_count));
  return series;
}

}  // namespace

absl::StatusOr<std::vector<std::string_view>> SplitList(std::string_view field, std::string_view text) {
  std::vector<std::string_view> items;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view item = Trim(text.substr(0, comma));
    if (item.empty()) return Refuse(field, "an entry is empty", "separate the entries by single commas");
    if (items.size() == kMaxItems) return Refuse(field, "more than 256 entries", "submit several sweeps");
    items.push_back(item);
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

absl::StatusOr<std::vector<std::uint32_t>> ParseNumbers(std::string_view text, const NumberRule& rule) {
  const auto items = SplitList(rule.field, text);
  if (!items.ok()) return items.status();
  std::vector<std::uint32_t> numbers;
  std::set<std::uint64_t> seen;
  for (const std::string_view item : *items) {
    Series series;
    if (const std::size_t dots = item.find(".."); dots != std::string_view::npos) {
      const auto parsed = ParseSeries(item, dots, rule);
      if (!parsed.ok()) return parsed.status();
      series = *parsed;
    } else {
      const auto number = Bounded(item, item, rule);
      if (!number.ok()) return number.status();
      series = {*number, *number, 0};
    }
    for (std::uint64_t n = series.first; n <= series.last; n = series.step == 0 ? n * 2 : n + series.step) {
      if (!seen.insert(n).second) return Refuse(rule.field, fmt::format("{} stands twice", n), "name each once");
      if (numbers.size() == rule.max_count)
        return Refuse(rule.field, fmt::format("more than {} numbers", rule.max_count), "submit several sweeps");
      numbers.push_back(static_cast<std::uint32_t>(n));
    }
  }
  return numbers;
}

absl::StatusOr<std::uint32_t> ParseNumber(std::string_view text, const NumberRule& rule) {
  const auto value = Digits(Trim(text));
  if (!value) return Refuse(rule.field, fmt::format("{} is no whole number", Quote(text)), Bounds(rule));
  if (*value < rule.min || *value > rule.max)
    return Refuse(rule.field, fmt::format("{} is out of range", Quote(text)), Bounds(rule));
  return static_cast<std::uint32_t>(*value);
}

}  // namespace rsg::cli
