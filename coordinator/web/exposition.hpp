// Text of the Prometheus exposition format, version 0.0.4. Pure.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "coordinator/server/figures.hpp"

namespace rsg::web {

inline constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

/// Families one after the other: first what a family is, then its samples.
class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// A value that goes up and down. `help` is one line.
  void Gauge(std::string_view name, std::string_view help);
  /// A value that only grows; the name ends in _total.
  void Counter(std::string_view name, std::string_view help);
  /// A sample of the family that was begun last.
  void Sample(double value, Labels labels = {});
  /// A whole family, in seconds; the name ends in _seconds.
  void Histogram(std::string_view name, std::string_view help, const server::Durations::Snapshot& durations);

  const std::string& text() const { return text_; }

 private:
  void Begin(std::string_view name, std::string_view help, std::string_view type);
  void Line(std::string_view name, double value, Labels labels);

  std::string family_;
  std::string text_;
};

}  // namespace rsg::web
