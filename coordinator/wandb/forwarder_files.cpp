// A run's files: what people may want to know of the machine. They are an extra: when they are refused the run goes on
// without them.
#include "absl/strings/str_cat.h"
#include "common/log.hpp"
#include "coordinator/wandb/forwarder.hpp"

namespace rsg::wandb {
namespace {

constexpr unsigned kMostTries = 5;  // of a storage that does not answer

void LogWithoutFiles(const schedule::JobKey& job, absl::string_view why) {
  LogLine(LogLevel::kWarning, absl::StrCat("W&B: ", Id(job), " goes without its files: ", why), FieldsOf(Id(job)));
}

}  // namespace

absl::Status Forwarder::SendFiles(Entry& entry) {
  schedule::WandbRun& run = entry.unsent.run;
  const auto content = Content(entry);
  if (!content.ok()) return content.status();
  std::vector<std::pair<std::string, std::string>> texts;
  if (!content->gpu_info.empty()) texts.emplace_back("gpu-info.txt", content->gpu_info);
  if (!content->cpu_info.empty()) texts.emplace_back("cpu-info.txt", content->cpu_info);
  run.files_sent = true;
  if (texts.empty()) return Store(entry);

  Chunk told;
  for (const auto& [name, text] : texts) told.uploaded.push_back(name);
  const auto created = Send(entry, CreateFilesRequest(run.sent.entity, run.sent.project, run.run_id, told.uploaded));
  if (!created.ok() && !absl::IsFailedPrecondition(created.status())) return NotSent(entry, created.status());
  const auto puts =
      created.ok() ? ParseCreateFiles(*created, texts) : absl::StatusOr<std::vector<HttpRequest>>(created.status());
  if (!puts.ok()) {
    LogWithoutFiles(run.job, puts.status().message());
    return Store(entry);
  }
  for (const HttpRequest& put : *puts) {
    const HttpAnswer answer = transport_->Send(put);
    const Verdict verdict = Judge(put.call, answer);
    if (verdict.kind == Verdict::Kind::kOk) continue;
    // However long the storage wants to be left alone: W&B does not, and the run's lines wait behind its files.
    if (verdict.kind == Verdict::Kind::kRetry && ++entry.timers.file_failures < kMostTries)
      return NotSent(entry, Fail(entry, verdict.why, std::nullopt, false));
    LogWithoutFiles(run.job, verdict.why);
    return Store(entry);
  }
  const auto sent = Send(entry, StreamRequest(run.sent.entity, run.sent.project, run.run_id, told));
  return sent.ok() ? Store(entry) : NotSent(entry, sent.status());
}

absl::Status Forwarder::NotSent(Entry& entry, absl::Status status) {
  entry.unsent.run.files_sent = false;
  return status;
}

}  // namespace rsg::wandb
