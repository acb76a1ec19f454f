#include "coordinator/web/exposition.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace rsg::web {
namespace {

// A label's value may hold anything; these three are escaped.
std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    if (letter == '\\' || letter == '"') escaped += '\\';
    if (letter == '\n')
      escaped += "\\n";
    else
      escaped += letter;
  }
  return escaped;
}

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

void Exposition::Begin(std::string_view name, std::string_view help, std::string_view type) {
  family_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void Exposition::Gauge(std::string_view name, std::string_view help) { Begin(name, help, "gauge"); }
void Exposition::Counter(std::string_view name, std::string_view help) { Begin(name, help, "counter"); }
void Exposition::Sample(double value, Labels labels) { Line(family_, value, labels); }

void Exposition::Line(std::string_view name, double value, Labels labels) {
  text_ += name;
  char separator = '{';
  for (const auto& [label, content] : labels) {
    fmt::format_to(std::back_inserter(text_), "{}{}=\"{}\"", separator, label, Escape(content));
    separator = ',';
  }
  fmt::format_to(std::back_inserter(text_), "{}{}\n", labels.size() > 0 ? "} " : " ", Number(value));
}

void Exposition::Histogram(std::string_view name, std::string_view help, const server::Durations::Snapshot& durations) {
  Begin(name, help, "histogram");
  const std::string bucket = fmt::format("{}_bucket", name);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < durations.buckets.size(); ++i) {
    below += durations.buckets[i];
    Line(bucket, static_cast<double>(below), {{"le", Number(server::Durations::kBounds[i])}});
  }
  const auto count = static_cast<double>(durations.count);
  Line(bucket, count, {{"le", "+Inf"}});
  Line(fmt::format("{}_sum", name), durations.sum, {});
  Line(fmt::format("{}_count", name), count, {});
}

}  // namespace rsg::web
