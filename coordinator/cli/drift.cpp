#include "coordinator/cli/drift.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/text.hpp"
#include "common/words.hpp"
#include "coordinator/schedule/control.hpp"

namespace rsg::cli {
namespace {

constexpr std::size_t kMostSweeps = 64;

// Never "-0.0".
double Percent(double share) {
  const double tenths = std::round(1000 * share);
  return tenths == 0 ? 0 : tenths / 10;
}

// Why there is no drift, when that is known.
std::string WhyNone(const v1::Drift& drift) {
  const auto failed = [](const v1::ControlPoint& point) {
    return point.outcome() != v1::OUTCOME_UNSPECIFIED && point.outcome() != v1::OUTCOME_COMPLETED;
  };
  const auto told = [](const char* when, const v1::ControlPoint& point) {
    return fmt::format("{} {}{}{}", when, Word(point.outcome()), point.reason().empty() ? "" : ", ", point.reason());
  };
  if (failed(drift.start())) return told("at the start", drift.start());
  if (failed(drift.end())) return told("at the end", drift.end());
  return "";
}

std::string DeviceText(const v1::Drift& drift) {
  if (drift.agent_name().empty()) return drift.device_name();
  return fmt::format("{} ({})", drift.agent_name(), drift.device_name());
}

}  // namespace

std::string DriftText(const v1::Drift& drift, bool unicode) {
  if (!drift.has_share()) return "";
  std::string text = fmt::format("{:+.1f} %", Percent(drift.share()));
  if (drift.has_half_width())
    text += fmt::format(" {} {:.1f} %", unicode ? "\u00b1" : "+/-", Percent(drift.half_width()));
  return text;
}

std::string DriftLine(const v1::Drift& drift, bool unicode) {
  std::string text;
  if (drift.has_share())
    text = fmt::format("{}: {:.2f} -> {:.2f} samples/s, {}", DeviceText(drift), drift.start().throughput(),
                       drift.end().throughput(), DriftText(drift, unicode));
  else if (const std::string why = WhyNone(drift); !why.empty())
    text = fmt::format("{}: {}", DeviceText(drift), why);
  return Printable(text, unicode);
}

std::string DriftSummary(const v1::SweepStatus& sweep, bool unicode) {
  const v1::Drift* largest = nullptr;
  int known = 0;
  int without = 0;
  for (const v1::Drift& drift : sweep.drift()) {
    known += drift.has_share() ? 1 : 0;
    without += !drift.has_share() && !WhyNone(drift).empty() ? 1 : 0;
    if (drift.has_share() && (largest == nullptr || std::abs(drift.share()) > std::abs(largest->share())))
      largest = &drift;
  }
  if (largest == nullptr) return without == 0 ? "" : "control drift unknown";
  std::string text = fmt::format("{}control drift {}", known > 1 ? "largest " : "", DriftText(*largest, unicode));
  if (known > 1) text += fmt::format(", of {} devices", known);
  if (without > 0) text += fmt::format(", of {} unknown", without);
  return text;
}

void DriftBook::Add(const v1::Job& job) {
  if (job.role() != v1::ROLE_CONTROL) return;
  if (sweeps_.empty() || sweeps_.back().sweep_id != job.sweep_id()) {
    if (sweeps_.size() >= kMostSweeps) sweeps_.erase(sweeps_.begin());
    sweeps_.push_back({.sweep_id = job.sweep_id(), .drift = {}});
  }
  schedule::AddControl(job, &sweeps_.back().drift);
}

std::vector<std::string> DriftBook::Lines(std::size_t most, bool unicode) const {
  std::vector<std::string> lines;
  for (const OfSweep& sweep : sweeps_)
    for (const v1::Drift& drift : sweep.drift)
      if (const std::string line = DriftLine(drift, unicode); !line.empty())
        lines.push_back(fmt::format("  {} {}", sweep.sweep_id, line));
  if (lines.empty()) return lines;
  const std::size_t more = lines.size() - std::min(lines.size(), most);
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(more));
  lines.emplace(lines.begin(), "control cell, start -> end:");
  if (more > 0) lines.push_back(fmt::format("  {} earlier ones: 'rsg results list --control'", more));
  return lines;
}

}  // namespace rsg::cli
