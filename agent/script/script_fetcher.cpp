#include "agent/script/script_fetcher.hpp"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/protocol/child_watch.hpp"
#include "common/duration.hpp"

namespace rsg::agent {
namespace {

constexpr double kInAllSeconds = 3600;
constexpr double kNoProgressSeconds = 300;
constexpr double kSilenceSeconds = 30;  // of a call that stands but brings nothing
constexpr double kLongestWaitSeconds = 15;

bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      return true;
  }
}

absl::Status Told(const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("the script could not be fetched: ", status.message()));
}

}  // namespace

void ScriptFetcher::Start(const v1::Assign& assign, double now) {
  Job& job = job_.emplace(Job{});
  job.request.set_attempt_id(assign.attempt_id());
  job.request.set_lease_token(assign.lease_token());
  job.request.set_sha256(assign.cell().script().sha256());
  job.bytes = assign.cell().script().bytes();
  job.give_up_at = now + kInAllSeconds;
  job.progress_by = now + kNoProgressSeconds;
  job.ask_at = now;
  backoff_.Reset();
}

void ScriptFetcher::Stop() {
  if (!job_) return;
  job_.reset();
  leftover_ = calling_;
  if (calling_) source_->Cancel();
}

double ScriptFetcher::Deadline() const {
  if (!job_) return kNever;
  const double end = std::min(job_->give_up_at, job_->progress_by);
  if (leftover_) return end;
  return std::min(end, calling_ ? job_->silent_at : job_->ask_at);
}

std::optional<ScriptFetcher::Done> ScriptFetcher::Conclude(absl::StatusOr<std::filesystem::path> file) {
  Done done{.attempt_id = job_->request.attempt_id(), .file = std::move(file), .came = job_->came};
  Stop();
  return done;
}

std::optional<ScriptFetcher::Done> ScriptFetcher::Poll(double now) {
  std::optional<Done> done;
  for (const ScriptSource::Report& report : source_->Take()) {
    if (const auto* chunk = std::get_if<v1::ScriptChunk>(&report)) {
      if (job_ && !leftover_) done = Take(*chunk, now);
    } else {
      calling_ = false;
      if (!std::exchange(leftover_, false) && job_) done = CallEnded(std::get<ScriptSource::Ended>(report).status, now);
    }
  }
  if (done || !job_) return done;
  if (now >= std::min(job_->give_up_at, job_->progress_by))
    return Conclude(Told(absl::DeadlineExceededError(
        absl::StrCat("nothing came for too long, or it took more than ", FormatDuration(kInAllSeconds),
                     job_->trouble.empty() ? "" : absl::StrCat("; the last call ended with: ", job_->trouble)))));
  if (calling_ && !leftover_ && now >= job_->silent_at) {
    job_->silent_at = kNever;  // Ended follows
    source_->Cancel();
  }
  if (!calling_ && now >= job_->ask_at) return Ask(now);
  return std::nullopt;
}

std::optional<ScriptFetcher::Done> ScriptFetcher::Ask(double now) {
  const std::string& sha256 = job_->request.sha256();
  if (!job_->incoming) {
    if (store_->Has(sha256)) return Conclude(store_->Path(sha256));
    auto incoming = store_->Receive(sha256, job_->bytes, {});
    if (!incoming.ok()) return Conclude(Told(incoming.status()));
    job_->incoming = *std::move(incoming);
  }
  if (job_->incoming->complete()) return Keep(now);
  job_->request.set_offset(static_cast<std::uint32_t>(job_->incoming->offset()));
  job_->silent_at = now + kSilenceSeconds;
  calling_ = true;
  source_->Ask(job_->request);
  return std::nullopt;
}

std::optional<ScriptFetcher::Done> ScriptFetcher::Take(const v1::ScriptChunk& chunk, double now) {
  const absl::Status kept = job_->incoming->Append(chunk.offset(), chunk.data());
  if (!kept.ok()) return Conclude(Told(kept));
  if (chunk.data().empty()) return std::nullopt;
  backoff_.Reset();
  job_->came = true;
  job_->progress_by = now + kNoProgressSeconds;
  job_->silent_at = now + kSilenceSeconds;
  return std::nullopt;
}

std::optional<ScriptFetcher::Done> ScriptFetcher::CallEnded(absl::Status status, double now) {
  if (job_->incoming->complete()) return Keep(now);
  if (status.ok()) status = absl::UnavailableError("the coordinator sent less than the whole");
  if (!MayPass(status)) return Conclude(Told(status));
  job_->trouble = std::string(status.message());
  job_->ask_at = now + backoff_.Next(kLongestWaitSeconds);
  return std::nullopt;
}

std::optional<ScriptFetcher::Done> ScriptFetcher::Keep(double now) {
  const absl::Status kept = job_->incoming->Finish();
  if (kept.ok()) return Conclude(store_->Path(job_->request.sha256()));
  job_->incoming.reset();
  // Once may be a spoiled part of an earlier time.
  if (!absl::IsDataLoss(kept) || std::exchange(job_->spoiled, true)) return Conclude(Told(kept));
  job_->ask_at = now;
  return std::nullopt;
}

}  // namespace rsg::agent
