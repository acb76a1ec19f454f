// The operator's calls about sweeps. A sweep that is live is the state machine's; one that has ended is in the store.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "coordinator/schedule/text.hpp"
#include "coordinator/server/bearer.hpp"
#include "coordinator/server/control_ask.hpp"
#include "coordinator/server/control_service.hpp"
#include "coordinator/server/ended_sweep.hpp"
#include "coordinator/server/page_stream.hpp"
#include "coordinator/server/watch_stream.hpp"

namespace rsg::server {
namespace {

constexpr std::uint32_t kDefaultSweeps = 50;
constexpr std::uint32_t kPage = 200;

absl::StatusOr<std::int64_t> SweepNumber(const std::string& id) {
  const auto number = schedule::ParseSweepId(id);
  if (number) return *number;
  return absl::InvalidArgumentError(fmt::format(
      "sweep_id: '{}' is no sweep; write s1, s2, ... as 'rsg sweep list' shows them", schedule::OneLine(id, 64)));
}

absl::Status UnknownSweep(std::int64_t number) {
  return absl::NotFoundError(
      fmt::format("sweep_id: there is no sweep {}; 'rsg sweep list' shows all", schedule::SweepId(number)));
}

// What was answered to the request that made the sweep, as the sweep is by now.
absl::Status AnswerAgain(store::Reader& reader, std::int64_t sweep, v1::SubmitSweepResponse* response) {
  const auto stored = reader.FindSweep(sweep);
  if (!stored.ok()) return stored.status();
  const v1::SweepStatus status = StatusOf(*stored);
  response->set_sweep_id(status.sweep_id());
  response->set_cells(status.cells());
  response->set_jobs(status.counts().total());
  response->add_notes("this request was taken before; its sweep is shown by 'rsg sweep show'");
  return absl::OkStatus();
}

}  // namespace

ControlService::Unary* ControlService::SubmitSweep(Context* context, const v1::SubmitSweepRequest* request,
                                                   v1::SubmitSweepResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  // First the store: the answer to an earlier request of the same id may have been lost with the last coordinator.
  Read(
      [this, request, response](store::Reader& reader) {
        if (request->dry_run()) return absl::OkStatus();
        if (request->request_id().empty()) return CheckScripts(*request);
        const auto known = reader.FindRequest(request->request_id());
        if (!known.ok()) return known.status();
        return *known ? AnswerAgain(reader, **known, response) : CheckScripts(*request);
      },
      [this, request, response, reply](const absl::Status& status) {
        if (!status.ok() || !response->sweep_id().empty()) return reply(status);
        Submit(request, response, reply);
      });
  return reactor;
}

void ControlService::Submit(const v1::SubmitSweepRequest* request, v1::SubmitSweepResponse* response, Reply reply) {
  Ask<v1::SubmitSweepResponse>([request](auto& coordinator, const auto& now,
                                         auto& effects) { return coordinator.SubmitSweep(*request, now, effects); },
                               response, std::move(reply));
}

ControlService::Unary* ControlService::ListSweeps(Context* context, const v1::ListSweepsRequest* request,
                                                  v1::ListSweepsResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  Read(
      [request, response](store::Reader& reader) -> absl::Status {
        auto sweeps = reader.ListSweeps(request->limit() == 0 ? kDefaultSweeps : request->limit());
        if (!sweeps.ok()) return sweeps.status();
        for (v1::SweepStatus& status : *sweeps) *response->add_sweeps() = std::move(status);
        return absl::OkStatus();
      },
      [this, response, reply](const absl::Status& status) {
        if (!status.ok()) return reply(status);
        OverlayLive(response, reply);
      });
  return reactor;
}

// Of live sweeps the state machine knows more than the store: the time left.
void ControlService::OverlayLive(v1::ListSweepsResponse* response, Reply reply) {
  core_->Post(
      [response](schedule::Coordinator& coordinator, const schedule::Now& now, schedule::Effects&) {
        for (v1::SweepStatus& status : *response->mutable_sweeps()) {
          auto live = coordinator.Status(schedule::ParseSweepId(status.sweep_id()).value_or(0), now);
          if (!live.ok()) continue;
          status = *std::move(live);
          status.clear_running();
          status.clear_drift();
          status.clear_absent();
        }
      },
      std::move(reply));
}

ControlService::Unary* ControlService::CancelSweep(Context* context, const v1::CancelSweepRequest* request,
                                                   v1::CancelSweepResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  const auto number = SweepNumber(request->sweep_id());
  if (!number.ok()) {
    reply(number.status());
    return reactor;
  }
  Ask<v1::CancelSweepResponse>(
      [number = *number](auto& coordinator, const auto& now, auto& effects) {
        return coordinator.CancelSweep(number, now, effects);
      },
      response,
      [this, reply, number = *number](const absl::Status& status) {
        if (!absl::IsNotFound(status)) return reply(status);
        CancelEnded(number, reply);
      });
  return reactor;
}

void ControlService::CancelEnded(std::int64_t sweep, Reply reply) {
  Read(
      [sweep](store::Reader& reader) -> absl::Status {
        const auto stored = reader.FindSweep(sweep);
        if (!stored.ok()) return stored.status();
        if (stored->sweep.state == v1::SWEEP_STATE_CANCELLED) return absl::OkStatus();
        return absl::FailedPreconditionError(fmt::format("sweep: {} has completed already", schedule::SweepId(sweep)));
      },
      std::move(reply));
}

ControlService::Unary* ControlService::RetrySweep(Context* context, const v1::RetrySweepRequest* request,
                                                  v1::RetrySweepResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  const auto number = SweepNumber(request->sweep_id());
  if (!number.ok()) {
    reply(number.status());
    return reactor;
  }
  Ask<v1::RetrySweepResponse>(
      [number = *number](auto& coordinator, const auto& now, auto& effects) {
        return coordinator.RetrySweep(number, std::nullopt, now, effects);
      },
      response,
      [this, response, reply, number = *number](const absl::Status& status) {
        if (!absl::IsNotFound(status)) return reply(status);
        RetryEnded(number, response, reply);
      });
  return reactor;
}

void ControlService::RetryEnded(std::int64_t sweep, v1::RetrySweepResponse* response, Reply reply) {
  auto ended = std::make_shared<schedule::Coordinator::Ended>();
  Read(
      [sweep, ended](store::Reader& reader) -> absl::Status {
        auto stored = reader.FindSweep(sweep);
        if (!stored.ok()) return stored.status();
        *ended = {.sweep = std::move(stored->sweep),
                  .jobs = std::move(stored->jobs),
                  .controls = std::move(stored->controls)};
        return absl::OkStatus();
      },
      [this, sweep, ended, response, reply](const absl::Status& status) {
        if (!status.ok()) return reply(status);
        Ask<v1::RetrySweepResponse>(
            [sweep, ended](auto& coordinator, const auto& now, auto& effects) {
              return coordinator.RetrySweep(sweep, std::move(*ended), now, effects);
            },
            response, reply);
      });
}

grpc::ServerWriteReactor<v1::SweepStatus>* ControlService::WatchSweep(Context* context,
                                                                      const v1::WatchSweepRequest* request) {
  const absl::Status admitted = Admit(context);
  auto* stream = new WatchStream([this, counted = admitted.ok()] {
    if (counted) --calls_;
  });
  const std::shared_ptr<Watcher> watcher = stream->watcher();
  auto number = std::make_shared<std::int64_t>(0);
  absl::Status refused = admitted;
  if (refused.ok() && !request->sweep_id().empty()) {
    const auto parsed = SweepNumber(request->sweep_id());
    refused = parsed.status();
    *number = parsed.value_or(0);
  }
  if (!refused.ok()) {
    watcher->Close(refused);
    return stream;
  }
  core_->Post(
      [number](schedule::Coordinator& coordinator, const schedule::Now&, schedule::Effects&) {
        if (*number == 0) *number = coordinator.last_sweep();
      },
      [this, number, watcher](const absl::Status& status) {
        if (!status.ok()) return watcher->Close(status);
        if (*number == 0) return watcher->Close(absl::NotFoundError("no sweep yet; 'rsg sweep submit' queues one"));
        core_->Watch(*number, watcher, [this, number, watcher](const absl::Status& live) {
          if (live.ok()) return;
          if (absl::IsNotFound(live)) return WatchStored(*number, watcher);
          watcher->Close(live);
        });
      });
  return stream;
}

void ControlService::WatchStored(std::int64_t sweep, const std::shared_ptr<Watcher>& watcher) {
  Read(
      [sweep, watcher](store::Reader& reader) -> absl::Status {
        const auto stored = reader.FindSweep(sweep);
        if (!stored.ok()) return stored.status();
        watcher->Update(StatusOf(*stored));
        return absl::OkStatus();
      },
      [watcher](const absl::Status& status) { watcher->Close(status); });
}

grpc::ServerWriteReactor<v1::Job>* ControlService::ListJobs(Context* context, const v1::ListJobsRequest* request) {
  const absl::Status admitted = Admit(context);
  auto* stream = new PageStream<v1::Job>(pool_, [this, counted = admitted.ok()] {
    if (counted) --calls_;
  });
  const auto number = SweepNumber(request->sweep_id());
  if (!admitted.ok() || !number.ok()) {
    stream->Refuse(admitted.ok() ? number.status() : admitted);
    return stream;
  }
  struct State {
    std::map<std::string, double> elapsed;  // by job id
    std::int64_t after = 0;
    bool exists = false;
  };
  auto state = std::make_shared<State>();
  core_->Post(
      [state, number = *number](schedule::Coordinator& coordinator, const schedule::Now& now, schedule::Effects&) {
        state->exists = number <= coordinator.last_sweep();
        for (const v1::Job& job : coordinator.LiveJobs(number, now))
          state->elapsed[job.job_id()] = job.elapsed_seconds();
      },
      [stream, state, number = *number](const absl::Status& status) {
        if (!status.ok() || !state->exists) return stream->Refuse(status.ok() ? UnknownSweep(number) : status);
        stream->Start([state, number](store::Reader& reader) -> absl::StatusOr<PageStream<v1::Job>::Page> {
          auto page = reader.JobsPage(number, state->after, kPage);
          if (!page.ok()) return page.status();
          state->after = page->next.value_or(0);
          // What runs is told with the time it has run.
          for (v1::Job& job : page->jobs)
            if (const auto live = state->elapsed.find(job.job_id());
                live != state->elapsed.end() && job.state() == v1::JOB_STATE_RUNNING)
              job.set_elapsed_seconds(live->second);
          return PageStream<v1::Job>::Page{.messages = std::move(page->jobs), .last = !page->next};
        });
      });
  return stream;
}

grpc::ServerWriteReactor<v1::ResultRow>* ControlService::QueryResults(Context* context,
                                                                      const v1::QueryResultsRequest* request) {
  const absl::Status admitted = Admit(context);
  auto* stream = new PageStream<v1::ResultRow>(pool_, [this, counted = admitted.ok()] {
    if (counted) --calls_;
  });
  const auto number = request->sweep_id().empty() ? absl::StatusOr<std::int64_t>(0) : SweepNumber(request->sweep_id());
  if (!admitted.ok() || !number.ok()) {
    stream->Refuse(admitted.ok() ? number.status() : admitted);
    return stream;
  }
  auto exists = std::make_shared<bool>(false);
  core_->Post(
      [exists, number = *number](schedule::Coordinator& coordinator, const schedule::Now&, schedule::Effects&) {
        *exists = number <= coordinator.last_sweep();
      },
      [stream, exists, number = *number, question = *request](const absl::Status& status) {
        if (!status.ok() || !*exists) return stream->Refuse(status.ok() ? UnknownSweep(number) : status);
        auto after = std::make_shared<std::optional<schedule::JobKey>>();
        stream->Start([question, after](store::Reader& reader) -> absl::StatusOr<PageStream<v1::ResultRow>::Page> {
          auto page = reader.ResultsPage(question, *after, kPage);
          if (!page.ok()) return page.status();
          *after = page->next;
          return PageStream<v1::ResultRow>::Page{.messages = std::move(page->rows), .last = !page->next};
        });
      });
  return stream;
}

}  // namespace rsg::server
