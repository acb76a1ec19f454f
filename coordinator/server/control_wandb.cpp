// What the operator asks and wants of the forwarding to W&B.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "coordinator/schedule/text.hpp"
#include "coordinator/server/control_service.hpp"
#include "coordinator/store/outbox.hpp"

namespace rsg::server {
namespace {

using schedule::ReviseWandbRuns;

constexpr std::uint32_t kBackfillPage = 500;

/// A sweep, or a job of it; neither: all.
struct Selection {
  std::optional<std::int64_t> sweep;
  std::optional<std::int64_t> job;
};

absl::StatusOr<Selection> ParseSelection(const std::string& of, const char* field) {
  if (of.empty()) return Selection();
  if (const auto sweep = schedule::ParseSweepId(of)) return Selection{.sweep = sweep, .job = std::nullopt};
  if (const auto job = schedule::ParseJobId(of)) return Selection{.sweep = job->sweep, .job = job->job};
  return absl::InvalidArgumentError(
      fmt::format("{}: '{}' is neither a sweep (s3) nor a job (s3.14)", field, schedule::OneLine(of, 64)));
}

absl::StatusOr<ReviseWandbRuns::Action> ActionOf(v1::WandbAction action) {
  switch (action) {
    case v1::WANDB_ACTION_RETRY:
      return ReviseWandbRuns::Action::kRetry;
    case v1::WANDB_ACTION_VERIFY:
      return ReviseWandbRuns::Action::kVerify;
    case v1::WANDB_ACTION_RESEND:
      return ReviseWandbRuns::Action::kResend;
    case v1::WANDB_ACTION_RESEND_NEW:
      return ReviseWandbRuns::Action::kResendAsNew;
    default:
      return absl::InvalidArgumentError("action: it is missing; use RETRY, VERIFY, RESEND or RESEND_NEW");
  }
}

std::uint32_t Clamped(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

// How many runs an action is for.
std::uint32_t Meant(const store::OutboxCounts& counts, ReviseWandbRuns::Action action) {
  if (action == ReviseWandbRuns::Action::kRetry) return Clamped(counts.stuck);
  if (action == ReviseWandbRuns::Action::kVerify) return Clamped(counts.done);
  return Clamped(counts.unsent + counts.done + counts.stuck);
}

absl::Status Off() {
  return absl::FailedPreconditionError(
      "the coordinator has no W&B key; start 'rsg serve' with WANDB_API_KEY, a netrc entry, or the file 'wandb-key' "
      "(0600) in its state folder");
}

// As the forwarder stands and as the outbox counts.
void Fill(const store::OutboxCounts& counts, double now_unix, v1::ShowWandbResponse* response) {
  response->set_open(Clamped(counts.running));
  response->set_sending(Clamped(counts.unsent - counts.running));
  response->set_done(Clamped(counts.done));
  response->set_stuck(Clamped(counts.stuck));
  response->set_backlog_lines(Clamped(counts.unsent_lines));
  if (counts.oldest_unix) response->set_oldest_backlog_seconds(std::max(0.0, now_unix - *counts.oldest_unix));
  response->set_stuck_error(counts.stuck_error);
}

}  // namespace

ControlService::Unary* ControlService::ShowWandb(Context* context, const v1::ShowWandbRequest* request,
                                                 v1::ShowWandbResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  response->set_on(options_.forwarder != nullptr);
  response->set_base_url(options_.wandb.base_url);
  response->set_entity(options_.wandb.target.entity);
  response->set_project(options_.wandb.target.project);
  response->set_key_source(options_.wandb.source);
  if (options_.forwarder != nullptr) {
    const wandb::Forwarder::Status status = options_.forwarder->status();
    response->set_paused(status.paused);
    response->set_last_error(status.last_error);
    response->set_last_error_unix_seconds(status.last_error_unix);
    response->set_last_success_unix_seconds(status.last_success_unix);
  }
  const auto selection = ParseSelection(request->sweep_id(), "sweep_id");
  if (!selection.ok()) {
    reply(selection.status());
    return reactor;
  }
  Read(
      [this, selection = *selection, response](store::Reader&) -> absl::Status {
        const auto outbox = store::OutboxReader::Open(options_.database);
        if (!outbox.ok()) return outbox.status();
        const auto counts = (*outbox)->Counts(selection.sweep, selection.job);
        if (!counts.ok()) return counts.status();
        Fill(*counts, SystemClock().Unix(), response);
        return absl::OkStatus();
      },
      reply);
  return reactor;
}

ControlService::Unary* ControlService::ReviseWandb(Context* context, const v1::ReviseWandbRequest* request,
                                                   v1::ReviseWandbResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  const auto action = ActionOf(request->action());
  const auto selection = ParseSelection(request->of(), "of");
  absl::Status refused = options_.forwarder == nullptr ? Off() : action.status();
  if (refused.ok()) refused = selection.status();
  if (refused.ok() && request->of().empty() && *action >= ReviseWandbRuns::Action::kResend)
    refused = absl::InvalidArgumentError("of: it is missing; name the sweep or the job that is to be sent again");
  if (!refused.ok()) {
    reply(refused);
    return reactor;
  }
  const ReviseWandbRuns revise{.action = *action, .sweep = selection->sweep, .job = selection->job};
  Read(
      [this, revise, response](store::Reader&) -> absl::Status {
        const auto outbox = store::OutboxReader::Open(options_.database);
        if (!outbox.ok()) return outbox.status();
        const auto counts = (*outbox)->Counts(revise.sweep, revise.job);
        if (!counts.ok()) return counts.status();
        response->set_runs(Meant(*counts, revise.action));
        return absl::OkStatus();
      },
      [this, revise, reply](const absl::Status& counted) {
        if (!counted.ok()) return reply(counted);
        core_->Post([revise](schedule::Coordinator&, const schedule::Now&,
                             schedule::Effects& effects) { effects.changes.push_back(revise); },
                    [this, reply](const absl::Status& stored) {
                      if (stored.ok()) options_.forwarder->Retry();
                      reply(stored);
                    });
      });
  return reactor;
}

// Page by page: each is read by a reader's thread and stored by the core's, so that neither is held up.
struct ControlService::Backfill {
  std::optional<std::int64_t> sweep;
  schedule::WandbTarget target;
  v1::BackfillWandbResponse* response = nullptr;
  Reply reply;
  std::vector<schedule::JobKey> page;
  schedule::JobKey after;
};

ControlService::Unary* ControlService::BackfillWandb(Context* context, const v1::BackfillWandbRequest* request,
                                                     v1::BackfillWandbResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  const auto selection = ParseSelection(request->sweep_id(), "sweep_id");
  schedule::WandbTarget target{.entity = request->entity(), .project = request->project()};
  absl::Status refused = options_.forwarder == nullptr ? Off() : selection.status();
  if (refused.ok() && selection->job)
    refused = absl::InvalidArgumentError("sweep_id: a job stands there; name a sweep such as s3");
  if (refused.ok()) refused = wandb::CheckTarget(target, "entity", "project");
  if (!refused.ok()) {
    reply(refused);
    return reactor;
  }
  // The same place by its name is the same place.
  if (target.entity == options_.wandb.target.entity) target.entity.clear();
  if (target.project == options_.wandb.target.project && target.entity.empty()) target.project.clear();
  auto backfill = std::make_shared<Backfill>();
  *backfill = {.sweep = selection->sweep,
               .target = std::move(target),
               .response = response,
               .reply = reply,
               .page = {},
               .after = {}};
  BackfillNext(std::move(backfill));
  return reactor;
}

void ControlService::BackfillNext(std::shared_ptr<Backfill> backfill) {
  Read(
      [this, backfill](store::Reader&) -> absl::Status {
        const auto outbox = store::OutboxReader::Open(options_.database);
        if (!outbox.ok()) return outbox.status();
        auto page = (*outbox)->WithoutRun(backfill->target, backfill->sweep, backfill->after, kBackfillPage);
        if (!page.ok()) return page.status();
        backfill->page = *std::move(page);
        return absl::OkStatus();
      },
      [this, backfill](const absl::Status& read) {
        if (!read.ok() || backfill->page.empty()) {
          options_.forwarder->Retry();
          return backfill->reply(read);
        }
        backfill->after = backfill->page.back();
        backfill->response->set_runs(backfill->response->runs() + static_cast<std::uint32_t>(backfill->page.size()));
        core_->Post(
            [backfill](schedule::Coordinator&, const schedule::Now& now, schedule::Effects& effects) {
              for (const schedule::JobKey& job : backfill->page)
                effects.changes.push_back(
                    schedule::OpenWandbRun{.job = job, .target = backfill->target, .unix = now.unix});
            },
            [this, backfill](const absl::Status& stored) {
              if (!stored.ok()) return backfill->reply(stored);
              BackfillNext(backfill);
            });
      });
}

}  // namespace rsg::server
