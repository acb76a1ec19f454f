#include "coordinator/wandb/forwarder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rsg::wandb {
namespace {

using schedule::WandbPhase;

constexpr double kIdleSeconds = 1;     // between looks at what is new
constexpr unsigned kMostReadings = 6;  // of an ended run that W&B does not show whole

}  // namespace

Forwarder::Forwarder(Options options, Outbox* outbox, Transport* transport, const Clock* clock)
    : options_(std::move(options)), outbox_(outbox), transport_(transport), clock_(clock) {}

double Forwarder::Run() {
  const double now = clock_->Monotonic();
  if (paused_) return kIdleSeconds;
  if (now < wait_until_) return wait_until_ - now;
  if (now >= refresh_at_) {
    if (const absl::Status read = Refresh(); !read.ok()) {
      NoteError(absl::StrCat("reading the outbox: ", read.message()));
      return kIdleSeconds;
    }
    refresh_at_ = now + kIdleSeconds;
  }
  const Key* next = nullptr;
  Plan plan;
  for (const auto& [key, entry] : board_) {
    if (entry.stale) continue;
    const Plan own = NextStep(entry.unsent, entry.timers, options_.pace);
    if (next != nullptr && own.due >= plan.due) continue;
    next = &key;
    plan = own;
  }
  if (next == nullptr) return kIdleSeconds;
  if (plan.due > now) return std::min(plan.due - now, kIdleSeconds);
  const Key key = *next;
  Do(key, board_.at(key), plan);
  return 0;
}

absl::Status Forwarder::Refresh() {
  auto unsent = outbox_->Unsent(options_.board);
  if (!unsent.ok()) return unsent.status();
  std::map<Key, Entry> board;
  for (store::UnsentRun& run : *unsent) {
    const Key key{run.run.job, run.run.target};
    const auto known = board_.find(key);
    RunTimers timers;
    timers.since = clock_->Monotonic();
    if (known != board_.end()) timers = known->second.timers;
    board.emplace(key, Entry{.unsent = std::move(run), .timers = timers});
  }
  board_ = std::move(board);
  return absl::OkStatus();
}

void Forwarder::Do(const Key& key, Entry& entry, const Plan& plan) {
  absl::Status done;
  switch (plan.step) {
    case Step::kUpsert:
      done = Upsert(entry);
      break;
    case Step::kFiles:
      done = SendFiles(entry);
      break;
    case Step::kChunk:
      done = SendChunk(entry, plan);
      break;
    case Step::kHeartbeat:
      done = Heartbeat(entry);
      break;
    case Step::kVerify:
      done = Verify(entry);
      break;
    case Step::kReopen:
      entry.unsent.run.phase = WandbPhase::kNew;
      done = Store(entry);
      break;
  }
  if (done.ok()) {
    entry.timers.since = clock_->Monotonic();
    entry.timers.failures = 0;
  } else if (!absl::IsUnavailable(done) && !absl::IsAborted(done)) {
    // Nothing of W&B's: the outbox cannot be read or written.
    NoteError(absl::StrCat(Id(entry.unsent.run.job), ": ", done.message()));
    entry.timers.not_before = clock_->Monotonic() + options_.pace.first_backoff;
    entry.stale = true;
  }
  const WandbPhase phase = entry.unsent.run.phase;
  if (phase == WandbPhase::kDone || phase == WandbPhase::kStuck) board_.erase(key);
}

absl::Status Forwarder::Upsert(Entry& entry) {
  schedule::WandbRun& run = entry.unsent.run;
  const auto content = Content(entry);
  if (!content.ok()) return content.status();
  const schedule::WandbTarget place = PlaceOf(run);
  const RunHeader header{.run_id = run.run_id,
                         .entity = place.entity,
                         .project = place.project,
                         .group = GroupName(*content),
                         .job_type = content->job.cell.model().substr(0, 64),
                         .display_name = DisplayName(*content),
                         .host = content->machine.hostname(),
                         .tags = Tags(*content),
                         .config = FactsOf(*content)};
  const auto body = Send(entry, UpsertRequest(header));
  if (!body.ok()) return body.status();
  const auto answer = ParseUpsert(*body);
  if (!answer.ok()) return Fail(entry, std::string(answer.status().message()), std::nullopt, false);
  run.storage_id = answer->storage_id;
  run.sent = {.entity = answer->entity, .project = answer->project};
  run.phase = WandbPhase::kStreaming;
  entry.timers.readings = 0;
  return Store(entry);
}

absl::Status Forwarder::SendChunk(Entry& entry, const Plan& plan) {
  schedule::WandbRun& run = entry.unsent.run;
  if (!run.chunk_end) {
    run.chunk_end = plan.chunk_end;
    run.chunk_exit = plan.chunk_exit;
    if (const absl::Status stored = Store(entry); !stored.ok()) return stored;
    if (!run.chunk_end) return absl::OkStatus();  // somebody else has changed it; looked at anew
  }
  const auto chunk = MakeChunk(entry);
  if (!chunk.ok()) return chunk.status();
  const auto body = Send(entry, StreamRequest(run.sent.entity, run.sent.project, run.run_id, *chunk));
  if (absl::IsOutOfRange(body.status())) {
    const auto lines = static_cast<std::uint32_t>(chunk->lines.size());
    if (lines < 2) return MakeStuck(entry, std::string(body.status().message()));
    // W&B has taken nothing of it, so what was decided may be changed.
    entry.timers.most_lines = lines / 2;
    run.chunk_end = run.lines_sent + lines / 2;
    run.chunk_exit.reset();
    return Store(entry);
  }
  if (!body.ok()) return body.status();
  run.lines_sent = *run.chunk_end;
  if (run.chunk_exit) {
    run.phase = WandbPhase::kCompleted;
    entry.timers.not_before = clock_->Monotonic() + options_.pace.verify_delay;
  }
  run.chunk_end.reset();
  run.chunk_exit.reset();
  return Store(entry);
}

absl::StatusOr<Chunk> Forwarder::MakeChunk(const Entry& entry) {
  const schedule::WandbRun& run = entry.unsent.run;
  const auto content = Content(entry);
  if (!content.ok()) return content.status();
  const History history(*content);
  Chunk chunk;
  chunk.exit_code = run.chunk_exit;
  bool summary = run.chunk_exit.has_value();
  for (std::uint32_t line = run.lines_sent; line < *run.chunk_end;) {
    const LineSource source = history.SourceOf(line);
    switch (source.kind) {
      case LineSource::Kind::kFacts:
        chunk.lines.push_back(history.Facts());
        summary = true;
        break;
      case LineSource::Kind::kEnd:
        chunk.lines.push_back(history.OfEnd(line, source));
        summary = true;
        break;
      case LineSource::Kind::kWindow: {
        const schedule::AttemptRecord& attempt = content->attempts[source.attempt];
        const std::uint32_t count = std::min(attempt.last_sequence - source.sequence + 1, *run.chunk_end - line);
        const auto windows = outbox_->Windows(attempt.key, source.sequence, count);
        if (!windows.ok()) return OfOutbox(windows.status());
        if (windows->size() != count)
          return absl::DataLossError(absl::StrCat("attempt ", Id(attempt.key), " lacks windows"));
        for (const v1::Window& window : *windows) chunk.lines.push_back(history.OfWindow(line++, source, window));
        continue;
      }
    }
    ++line;
  }
  if (summary) chunk.summary = history.Summary(*run.chunk_end);
  return chunk;
}

absl::Status Forwarder::Heartbeat(Entry& entry) {
  const schedule::WandbRun& run = entry.unsent.run;
  return Send(entry, HeartbeatRequest(run.sent.entity, run.sent.project, run.run_id)).status();
}

absl::Status Forwarder::Verify(Entry& entry) {
  schedule::WandbRun& run = entry.unsent.run;
  const auto content = Content(entry);
  if (!content.ok()) return content.status();
  const auto body = Send(entry, ReadRequest(run.sent.entity, run.sent.project, run.run_id));
  if (!body.ok()) return body.status();
  const auto read = ParseRead(*body, History(*content).Summary(run.lines_sent));
  if (!read.ok()) return Fail(entry, std::string(read.status().message()), std::nullopt, false);
  if (read->found && read->ended && read->missing.empty()) {
    run.phase = WandbPhase::kDone;
    return Store(entry);
  }
  // It may take W&B a moment to show what it was told.
  const std::string what =
      !read->found   ? "W&B does not show the run; was it deleted there? 'rsg wandb resend --new' sends it again"
      : !read->ended ? fmt::format("W&B shows the run as {} although it was told that it has ended", read->state)
                     : fmt::format("W&B has lost {}", absl::StrJoin(read->missing, ", "));
  if (++entry.timers.readings >= kMostReadings) return MakeStuck(entry, what);
  if (read->found && !read->ended) {
    run.phase = WandbPhase::kStreaming;
    run.chunk_end = run.lines_sent;
    run.chunk_exit = entry.unsent.outcome == v1::OUTCOME_COMPLETED ? 0 : 1;
    return Store(entry);
  }
  if (read->found) {
    const auto mended = Send(entry, RepairRequest(run.storage_id, read->repaired));
    if (!mended.ok()) return mended.status();
  }
  entry.timers.not_before = clock_->Monotonic() + Backoff(entry.timers.readings, std::nullopt, options_.pace) / 2;
  return absl::OkStatus();
}

}  // namespace rsg::wandb
