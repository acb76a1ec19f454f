// Requests that fail, and what follows.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log.hpp"
#include "coordinator/wandb/forwarder.hpp"

namespace rsg::wandb {
namespace {

constexpr unsigned kFailuresOfAll = 3;       // in a row: then it is not one run's fault
constexpr unsigned kMostFailuresOfRun = 20;  // in a row, while others succeed

}  // namespace

absl::StatusOr<std::string> Forwarder::Send(Entry& entry, const HttpRequest& request) {
  const HttpAnswer answer = transport_->Send(request);
  const double now = clock_->Monotonic();
  wait_until_ = std::max(now, wait_until_) + options_.pace.request_gap;
  if (request.call == Call::kStream || request.call == Call::kHeartbeat) entry.timers.last_stream = now;
  {
    const std::lock_guard lock(mutex_);
    ++status_.requests;
  }
  const Verdict verdict = Judge(request.call, answer);
  switch (verdict.kind) {
    case Verdict::Kind::kOk: {
      failures_ = 0;
      const std::lock_guard lock(mutex_);
      status_.last_success_unix = clock_->Unix();
      status_.last_error.clear();
      return answer.body;
    }
    case Verdict::Kind::kRetry:
      return Fail(entry, verdict.why, answer.retry_after, true);
    case Verdict::Kind::kPause:
      Pause(verdict.why);
      return absl::AbortedError(verdict.why);
    case Verdict::Kind::kNoPlace:
      return RefusePlace(entry, verdict.why);
    case Verdict::Kind::kTooLarge:
      return absl::OutOfRangeError(verdict.why);
    case Verdict::Kind::kStuck:
      if (request.call == Call::kCreateFiles) return absl::FailedPreconditionError(verdict.why);
      break;
  }
  return MakeStuck(entry, verdict.why);
}

schedule::WandbTarget Forwarder::PlaceOf(const schedule::WandbRun& run) const {
  if (!run.storage_id.empty()) return run.sent;  // once W&B has it, it stays where it is
  return {.entity = run.target.entity.empty() ? options_.target.entity : run.target.entity,
          .project = run.target.project.empty() ? options_.target.project : run.target.project};
}

absl::Status Forwarder::RefusePlace(Entry& entry, const std::string& why) {
  const schedule::WandbTarget place = PlaceOf(entry.unsent.run);
  // Where the settings name no entity it is the key's own, and a run that W&B has may be of another key.
  if (place != options_.target)
    return MakeStuck(entry, absl::StrCat(why, "; it goes to '", place.entity, "/", place.project,
                                         "': check its entity and project and the key's rights there"));
  const std::string all = absl::StrCat(why,
                                       "; check WANDB_BASE_URL, WANDB_ENTITY and WANDB_PROJECT, then restart; or the "
                                       "key's rights, then 'rsg wandb retry'");
  Pause(all);
  return absl::AbortedError(all);
}

absl::Status Forwarder::Fail(Entry& entry, const std::string& why, std::optional<double> retry_after,
                             bool counts_for_all) {
  const double now = clock_->Monotonic();
  NoteError(why);
  // While others succeed it is this run that W&B does not take.
  if (++entry.timers.failures >= kMostFailuresOfRun && failures_ < kFailuresOfAll) return MakeStuck(entry, why);
  entry.timers.not_before = now + Backoff(entry.timers.failures, retry_after, options_.pace);
  if (counts_for_all) ++failures_;
  if (retry_after) wait_until_ = std::max(wait_until_, now + Backoff(0, retry_after, {.first_backoff = 0}));
  if (failures_ >= kFailuresOfAll)
    wait_until_ = std::max(wait_until_, now + Backoff(failures_ - kFailuresOfAll + 1, retry_after, options_.pace));
  return absl::UnavailableError(why);
}

absl::Status Forwarder::MakeStuck(Entry& entry, const std::string& why) {
  const std::string id = Id(entry.unsent.run.job);
  LogLine(LogLevel::kWarning,
          absl::StrCat("W&B: ", id, " is stuck and kept: ", why, "; 'rsg wandb retry' tries it again"), FieldsOf(id));
  NoteError(absl::StrCat(id, ": ", why));
  entry.unsent.run.phase = schedule::WandbPhase::kStuck;
  entry.unsent.run.error = why;
  if (const absl::Status stored = Store(entry); !stored.ok()) return stored;
  return absl::AbortedError(why);
}

void Forwarder::Pause(const std::string& why) {
  paused_ = true;
  spdlog::error("W&B: paused, everything is kept: {}", why);
  NoteError(why);
  const std::lock_guard lock(mutex_);
  status_.paused = true;
}

void Forwarder::NoteError(const std::string& why) {
  const std::lock_guard lock(mutex_);
  status_.last_error = why;
  status_.last_error_unix = clock_->Unix();
}

void Forwarder::Retry() {
  paused_ = false;
  failures_ = 0;
  wait_until_ = 0;
  refresh_at_ = 0;
  for (auto& [key, entry] : board_) {
    entry.timers.not_before = 0;
    entry.timers.failures = 0;
  }
  const std::lock_guard lock(mutex_);
  status_.paused = false;
}

Forwarder::Status Forwarder::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

absl::Status Forwarder::OfOutbox(const absl::Status& status) {
  return absl::InternalError(absl::StrCat("the outbox: ", status.message()));
}

absl::StatusOr<store::RunContent> Forwarder::Content(const Entry& entry) {
  auto content = outbox_->Content(entry.unsent.run.job, entry.unsent.run.target);
  if (!content.ok()) return OfOutbox(content.status());
  return content;
}

absl::Status Forwarder::Store(Entry& entry) {
  if (const absl::Status stored = outbox_->Advance(entry.unsent.run); !stored.ok()) return OfOutbox(stored);
  return Reread(entry);
}

absl::Status Forwarder::Reread(Entry& entry) {
  auto found = outbox_->Find(entry.unsent.run.job, entry.unsent.run.target);
  if (!found.ok()) return OfOutbox(found.status());
  if (!*found) return absl::InternalError("the run is not there any more");
  entry.unsent = **std::move(found);
  return absl::OkStatus();
}

}  // namespace rsg::wandb
