#include "coordinator/wandb/history.hpp"

#include <algorithm>
#include <utility>

namespace rsg::wandb {

History::History(const store::RunContent& run) : run_(run) {
  for (const schedule::AttemptRecord& attempt : run.attempts) {
    const bool end = store::EndHasLine(attempt);
    segments_.push_back({.first = lines_, .windows = attempt.last_sequence, .end = end});
    lines_ += attempt.last_sequence + (end ? 1 : 0);
  }
}

LineSource History::SourceOf(std::uint32_t line) const {
  for (std::size_t i = segments_.size(); i-- > 0;) {
    const Segment& segment = segments_[i];
    if (line < segment.first) continue;
    const std::uint32_t at = line - segment.first;
    if (at < segment.windows) return {.kind = LineSource::Kind::kWindow, .attempt = i, .sequence = at + 1};
    if (at == segment.windows && segment.end) return {.kind = LineSource::Kind::kEnd, .attempt = i};
  }
  return {};
}

double History::StartOf(std::size_t attempt) const {
  if (attempt >= run_.attempts.size()) return run_.sweep.submitted_unix;
  const schedule::AttemptRecord& record = run_.attempts[attempt];
  return record.started_unix.value_or(record.assigned_unix);
}

Line History::Make(std::uint32_t line, Fields fields, double timestamp) const {
  return {.fields = std::move(fields),
          .step = line,
          .timestamp = timestamp,
          .runtime = std::max(0.0, timestamp - StartOf(0))};
}

Line History::Facts() const { return Make(0, FactsOf(run_), StartOf(0)); }

Line History::OfWindow(std::uint32_t line, const LineSource& source, const v1::Window& window) const {
  const double end = StartOf(source.attempt) + window.start_seconds() + window.wall_seconds();
  return Make(line, WindowFields(window, run_.attempts[source.attempt].key.attempt), end);
}

Line History::OfEnd(std::uint32_t line, const LineSource& source) const {
  const schedule::AttemptRecord& attempt = run_.attempts[source.attempt];
  return Make(line, EndFields(run_, attempt), attempt.ended_unix.value_or(StartOf(source.attempt)));
}

Line History::Summary(std::uint32_t lines) const {
  Line summary = Facts();
  for (std::size_t i = segments_.size(); i-- > 0;) {
    const Segment& segment = segments_[i];
    const std::uint32_t end = segment.first + segment.windows;
    if (!segment.end || end >= lines) continue;
    Line last = OfEnd(end, SourceOf(end));
    summary.timestamp = last.timestamp;
    summary.runtime = last.runtime;
    for (auto& field : last.fields) summary.fields.push_back(std::move(field));
    break;
  }
  summary.step = lines > 0 ? lines - 1 : 0;
  std::erase_if(summary.fields, [](const auto& field) { return std::holds_alternative<std::nullptr_t>(field.second); });
  return summary;
}

}  // namespace rsg::wandb
