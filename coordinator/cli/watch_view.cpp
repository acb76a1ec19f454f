#include "coordinator/cli/watch_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "common/duration.hpp"
#include "common/text.hpp"
#include "common/words.hpp"
#include "coordinator/cli/drift.hpp"
#include "coordinator/cli/rows.hpp"
#include "coordinator/cli/table.hpp"

namespace rsg::cli {
namespace {

constexpr int kWidestBar = 40;
constexpr std::size_t kMostDriftLines = 8;
constexpr int kMostAbsentLines = 4;

struct Count {
  std::uint32_t number;
  const char* word;
  Ink ink;
};

std::array<Count, 8> CountsOf(const v1::JobCounts& counts) {
  return {{{counts.completed(), "completed", Ink::kGood},
           {counts.out_of_memory(), "out of memory", Ink::kWarn},
           {counts.unsupported(), "unsupported", Ink::kWarn},
           {counts.failed(), "failed", Ink::kBad},
           {counts.cancelled(), "cancelled", Ink::kWarn},
           {counts.skipped(), "skipped", Ink::kDim},
           {counts.running(), "running", Ink::kBold},
           {counts.queued(), "queued", Ink::kDim}}};
}

std::string CountsText(const v1::JobCounts& counts) {
  std::string text;
  for (const Count& count : CountsOf(counts))
    if (count.number > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.number, count.word);
  return text.empty() ? "no jobs" : text;
}

// Coloured, and cut to the width at a whole entry.
std::string CountsLine(const v1::JobCounts& counts, const Style& style) {
  std::string line;
  int used = 0;
  for (const Count& count : CountsOf(counts)) {
    if (count.number == 0) continue;
    const std::string entry = fmt::format("{}{} {}", used == 0 ? "" : ", ", count.number, count.word);
    if (style.width > 0 && used + static_cast<int>(entry.size()) > style.width) break;
    used += static_cast<int>(entry.size());
    line += Inked(style, count.ink, entry);
  }
  return line;
}

std::string Heading(const v1::SweepStatus& sweep, const Style& style) {
  std::string text = fmt::format("sweep {}", sweep.sweep_id());
  if (!sweep.spec().name().empty()) text += fmt::format(" \"{}\"", sweep.spec().name());
  text += fmt::format(": {}, {} cell{} on {} device{}", Word(sweep.state()), sweep.cells(),
                      sweep.cells() == 1 ? "" : "s", sweep.devices(), sweep.devices() == 1 ? "" : "s");
  text = Printable(text, style.unicode);
  return Inked(style, Ink::kBold, style.width > 0 ? Fit(text, style.width, style.unicode) : text);
}

std::string Bar(const v1::JobCounts& counts, const std::string& tail, const Style& style) {
  const int room = style.width > 0 ? style.width - static_cast<int>(tail.size()) - 3 : kWidestBar;
  const int width = std::min(room, kWidestBar);
  if (width < 4) return style.width > 0 ? Fit(tail, style.width, style.unicode) : tail;
  const double share = counts.total() == 0 ? 0 : static_cast<double>(EndedJobs(counts)) / counts.total();
  const int full = std::min(static_cast<int>(share * width), width);
  std::string done;
  std::string rest;
  for (int i = 0; i < full; ++i) done += style.unicode ? "\u2588" : "#";
  for (int i = full; i < width; ++i) rest += style.unicode ? "\u2591" : "-";
  return fmt::format("[{}{}] {}", Inked(style, Ink::kGood, done), Inked(style, Ink::kDim, rest), tail);
}

std::string Progress(const v1::SweepStatus& sweep, double age_seconds) {
  const v1::JobCounts& counts = sweep.counts();
  const std::uint32_t ended = EndedJobs(counts);
  std::string text = fmt::format("{}/{} jobs", ended, counts.total());
  if (counts.total() > 0) text += fmt::format("  {} %", 100ULL * ended / counts.total());
  if (HasEnded(sweep)) return text;
  if (sweep.has_eta_seconds())
    text += fmt::format("  {} left", FormatDuration(std::max(0.0, sweep.eta_seconds() - age_seconds)));
  return text;
}

// What an agent runs has a line; what it was handed beside that is a number in it.
std::vector<std::string> RunningLines(const v1::SweepStatus& sweep, double age_seconds, const Style& style) {
  const std::vector<Column> columns{{.name = "job"},
                                    {.name = "agent", .drop = 3},
                                    {.name = "device", .drop = 2},
                                    {.name = "cell"},
                                    {.name = "windows", .numeric = true, .drop = 4},
                                    {.name = "samples/s", .numeric = true, .digits = 2},
                                    {.name = "elapsed", .numeric = true, .drop = 1},
                                    {.name = "ahead", .numeric = true, .sparse = true, .drop = 4}};
  std::vector<Row> rows;
  std::map<std::string, std::size_t> row_of;  // agents
  std::map<std::string, std::int64_t> ahead;
  for (const v1::Job& job : sweep.running()) {
    const bool is_first = row_of.try_emplace(job.agent_id(), rows.size()).second;
    if (job.state() == v1::JOB_STATE_ASSIGNED && !is_first) {
      ++ahead[job.agent_id()];
      continue;
    }
    const bool running = job.state() == v1::JOB_STATE_RUNNING && job.has_elapsed_seconds();
    const std::string cell = CellText(job.cell()) + (job.role() == v1::ROLE_CONTROL ? " (control)" : "");
    rows.push_back({job.job_id(), job.agent_name(), job.device_name(), cell, std::int64_t{job.windows_stored()},
                    job.has_throughput() ? Value(job.throughput()) : Value(),
                    running ? Value(FormatDuration(job.elapsed_seconds() + age_seconds)) : Value("assigned"), Value()});
  }
  for (const auto& [agent, count] : ahead) rows[row_of.at(agent)].back() = Value(count);
  if (rows.empty()) return {};
  return TableLines(columns, rows, style);
}

// What is known of control cells, a device a line.
std::vector<std::string> DriftLines(const v1::SweepStatus& sweep, const Style& style) {
  std::vector<std::string> lines;
  int more = 0;
  for (const v1::Drift& drift : sweep.drift()) {
    std::string line = DriftLine(drift, style.unicode);
    if (line.empty()) continue;
    line = "control cell on " + line;
    if (lines.size() < kMostDriftLines)
      lines.push_back(style.width > 0 ? Fit(line, style.width, style.unicode) : line);
    else
      ++more;
  }
  if (more > 0) lines.push_back(Fit(fmt::format("{} more", more), style.width > 0 ? style.width : 80, style.unicode));
  return lines;
}

}  // namespace

std::uint32_t EndedJobs(const v1::JobCounts& counts) {
  return counts.completed() + counts.out_of_memory() + counts.unsupported() + counts.failed() + counts.cancelled() +
         counts.skipped();
}

bool HasEnded(const v1::SweepStatus& sweep) {
  return sweep.state() == v1::SWEEP_STATE_COMPLETED || sweep.state() == v1::SWEEP_STATE_CANCELLED;
}

std::vector<std::string> AbsentLines(const v1::SweepStatus& sweep) {
  if (sweep.absent().empty()) return {};
  const auto jobs = [](std::uint32_t count) {
    return fmt::format("{} job{}", count, count == 1 ? " waits" : "s wait");
  };
  std::vector<std::string> lines;
  std::uint32_t others = sweep.absent_jobs();
  for (int i = 0; i < std::min(sweep.absent_size(), kMostAbsentLines); ++i) {
    const v1::AbsentDevice& device = sweep.absent(i);
    others -= std::min(others, device.jobs());
    std::string line = fmt::format("{} for ", jobs(device.jobs()));
    line += device.agent_name().empty() ? fmt::format("{}, which no agent has", device.device_name())
                                        : fmt::format("{} ({})", device.agent_name(), device.device_name());
    lines.push_back(line + fmt::format(", away for {}", FormatDuration(device.away_seconds())));
  }
  if (others > 0) lines.push_back(fmt::format("{} for other machines that are away", jobs(others)));
  lines.push_back(
      fmt::format("what waits runs when its machine is back; or end it with 'rsg sweep cancel {}'", sweep.sweep_id()));
  return lines;
}

std::vector<std::string> WatchLines(const v1::SweepStatus& sweep, double age_seconds, const Style& style) {
  std::vector<std::string> lines{Heading(sweep, style), Bar(sweep.counts(), Progress(sweep, age_seconds), style)};
  if (sweep.counts().total() > 0) lines.push_back(CountsLine(sweep.counts(), style));
  if (sweep.counts().total() == 0 && !HasEnded(sweep)) {
    const std::string hint = "waiting for a machine that matches; 'rsg agents token' makes a join line for one";
    lines.push_back(style.width > 0 ? Fit(hint, style.width, style.unicode) : hint);
  }
  const auto running = RunningLines(sweep, age_seconds, style);
  for (std::string& line : DriftLines(sweep, style)) lines.push_back(std::move(line));
  for (std::string line : AbsentLines(sweep)) {
    line = Printable(line, style.unicode);
    lines.push_back(Inked(style, Ink::kWarn, style.width > 0 ? Fit(line, style.width, style.unicode) : line));
  }
  if (!running.empty()) lines.emplace_back();
  const std::size_t most =
      style.height > 0 ? static_cast<std::size_t>(std::max(style.height - 1, 1)) : lines.size() + running.size();
  for (std::size_t i = 0; i < running.size(); ++i) {
    const bool last_line = lines.size() + 1 >= most;
    if (last_line && i + 1 < running.size()) {
      lines.push_back(Inked(style, Ink::kDim, fmt::format("{} more", running.size() - i)));
      break;
    }
    lines.push_back(running[i]);
  }
  if (lines.size() > most) lines.resize(most);
  return lines;
}

std::string ProgressLine(const v1::SweepStatus& sweep) {
  std::string line = fmt::format("{} {} {}/{} jobs ended", sweep.sweep_id(), Word(sweep.state()),
                                 EndedJobs(sweep.counts()), sweep.counts().total());
  for (const Count& count : CountsOf(sweep.counts()))
    if (count.number > 0) line += fmt::format(", {} {}", count.number, count.word);
  if (!HasEnded(sweep) && sweep.has_eta_seconds())
    line += fmt::format(", {} left", FormatDuration(sweep.eta_seconds()));
  return line;
}

std::string SummaryLine(const v1::SweepStatus& sweep, bool unicode) {
  std::string line = fmt::format("sweep {} {}", sweep.sweep_id(), Word(sweep.state()));
  if (sweep.has_ended_unix_seconds() && sweep.ended_unix_seconds() >= sweep.submitted_unix_seconds())
    line += fmt::format(" in {}", FormatDuration(sweep.ended_unix_seconds() - sweep.submitted_unix_seconds()));
  line = fmt::format("{}: {}", line, CountsText(sweep.counts()));
  if (const std::string drift = DriftSummary(sweep, unicode); !drift.empty()) line += "; " + drift;
  return line;
}

}  // namespace rsg::cli
