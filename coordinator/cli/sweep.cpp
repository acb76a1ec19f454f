// `rsg sweep list|show|watch|cancel|retry`; submit is in sweep_submit.cpp.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>

#include "common/arguments.hpp"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/rows.hpp"
#include "coordinator/cli/sweep_submit.hpp"
#include "coordinator/cli/watch.hpp"
#include "coordinator/cli/watch_view.hpp"

namespace rsg::cli {
namespace {

using Control = v1::Control::Stub;

constexpr std::uint32_t kMostSweeps = 1000;  // that the coordinator lists

struct Flags {
  OutputFlags output;
  std::string operator_file;
  std::string sweep_id;  // empty: the newest
  std::uint32_t limit = 50;
};

struct Session {
  Output output;
  std::unique_ptr<Client> client;
};

absl::StatusOr<Session> Open(const Flags& flags) {
  auto output = MakeOutput(flags.output);
  if (!output.ok()) return output.status();
  auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return client.status();
  return Session{*std::move(output), *std::move(client)};
}

int List(const Flags& flags) {
  auto session = Open(flags);
  if (!session.ok()) return Report(session.status());
  v1::ListSweepsRequest request;
  request.set_limit(std::min(flags.limit + 1, kMostSweeps));  // one more, to know whether there are more
  const auto reply = session->client->Call(&Control::ListSweeps, request);
  if (!reply.ok()) return Report(reply.status());
  const auto table = StandardTable(session->output, SweepColumns());
  const int shown = std::min(reply->sweeps_size(), static_cast<int>(flags.limit));
  for (int i = 0; i < shown; ++i) table->Add(ToRow(reply->sweeps(i)));
  table->Finish();
  if (reply->sweeps_size() > shown)
    Say(fmt::format("these are the newest {}; --limit N shows more, up to 1000", shown));
  if (reply->sweeps().empty()) Say("no sweeps yet; 'rsg sweep submit --help' shows how to submit one");
  return FinishOutput();
}

int Show(const Flags& flags) {
  auto session = Open(flags);
  if (!session.ok()) return Report(session.status());
  const auto sweep = session->client->SweepNow(flags.sweep_id);
  if (!sweep.ok()) return Report(sweep.status());
  const bool people = session->output.format == Format::kTable;
  if (people) {
    Style style = StyleOf(STDOUT_FILENO, session->output.color);
    style.height = 0;
    v1::SweepStatus head = *sweep;
    head.clear_running();  // the jobs follow
    for (const std::string& line : WatchLines(head, 0, style)) std::cout << line << '\n';
    std::cout << '\n';
  }
  std::map<std::string, double> drift;  // share, by device
  for (const v1::Drift& of_device : sweep->drift())
    if (of_device.has_share()) drift[of_device.device_id()] = of_device.share();
  const auto table = StandardTable(session->output, JobColumns());
  v1::ListJobsRequest request;
  request.set_sweep_id(sweep->sweep_id());
  const absl::Status status =
      session->client->Stream<v1::ListJobsRequest, v1::Job>(&Control::ListJobs, request, [&](const v1::Job& job) {
        if (job.role() == v1::ROLE_CONTROL) return true;  // above, as drift
        const auto of_device = drift.find(job.device_id());
        table->Add(ToRow(job, of_device != drift.end() ? std::optional(of_device->second) : std::nullopt));
        return std::cout.good();
      });
  table->Finish();
  const int written = FinishOutput();
  return status.ok() ? written : Report(status);
}

int WatchSweep(const Flags& flags) {
  auto session = Open(flags);
  if (!session.ok()) return Report(session.status());
  if (const auto shown = CheckShowsProgress(session->output.format); !shown.ok()) return Report(shown);
  const Interrupts interrupts;
  const auto display = MakeDisplay(STDOUT_FILENO, session->output.format, session->output.color);
  return ReportWatchEnd(Watch(session->client.get(), flags.sweep_id, {}, interrupts, display.get()));
}

int Cancel(const Flags& flags) {
  auto session = Open(flags);
  if (!session.ok()) return Report(session.status());
  v1::CancelSweepRequest request;
  request.set_sweep_id(flags.sweep_id);
  const auto reply = session->client->Call(&Control::CancelSweep, request);
  if (!reply.ok()) return Report(reply.status());
  PrintReply(session->output, *reply, {{.name = "sweep_id"}, {.name = "cancelled_jobs"}},
             {{flags.sweep_id, std::int64_t{reply->cancelled_jobs()}}});
  Say(fmt::format("sweep {}: {} jobs cancelled; what was measured stays", flags.sweep_id, reply->cancelled_jobs()));
  return FinishOutput();
}

int Retry(const Flags& flags) {
  auto session = Open(flags);
  if (!session.ok()) return Report(session.status());
  v1::RetrySweepRequest request;
  request.set_sweep_id(flags.sweep_id);
  const auto reply = session->client->Call(&Control::RetrySweep, request);
  if (!reply.ok()) return Report(reply.status());
  PrintReply(session->output, *reply, {{.name = "sweep_id"}, {.name = "queued_jobs"}},
             {{flags.sweep_id, std::int64_t{reply->queued_jobs()}}});
  if (reply->queued_jobs() == 0)
    Say(
        fmt::format("sweep {0}: nothing to try again: no job failed or was lost, or its slot went to another machine; "
                    "'rsg sweep show {0}' shows all",
                    flags.sweep_id));
  else
    Say(fmt::format("sweep {0}: {1} jobs queued again; 'rsg sweep watch {0}' follows them", flags.sweep_id,
                    reply->queued_jobs()));
  return FinishOutput();
}

enum class Id { kNone, kNewest, kNeeded };

CLI::App* AddVerb(CLI::App& parent, const char* name, const char* help, Id id, int (*run)(const Flags&),
                  int& exit_code) {
  auto* app = parent.add_subcommand(name, help);
  const auto flags = std::make_shared<Flags>();
  if (id != Id::kNone) {
    auto* option = app->add_option(
        "sweep", flags->sweep_id, id == Id::kNeeded ? "Its id, such as s3" : "Its id, such as s3; default: the newest");
    option->type_name("SWEEP")->required(id == Id::kNeeded);
  } else {
    app->add_option("--limit", flags->limit, "At most this many, newest first; 1 to 1000")
        ->type_name("N")
        ->capture_default_str()
        ->check(Within(1U, kMostSweeps));
  }
  AddOutputFlags(*app, &flags->output);
  AddClientFlags(*app, &flags->operator_file);
  app->callback([flags, run, &exit_code] { exit_code = run(*flags); });
  return app;
}

}  // namespace

void AddSweep(CLI::App& parent, int& exit_code) {
  auto* sweep = parent.add_subcommand("sweep", "Submit sweeps and follow them");
  sweep->require_subcommand(1);
  sweep->footer(
      "Examples:\n"
      "  rsg sweep submit --models resnet18,resnet50 --bs 8..256 --precision fp32,fp16 --watch\n"
      "  rsg sweep watch\n"
      "  rsg sweep list -o json\n");
  AddSweepSubmit(*sweep, exit_code);
  AddVerb(*sweep, "list", "List the sweeps, newest first", Id::kNone, List, exit_code)
      ->footer(
          "'failed' counts the jobs that were lost for good, too.\n\n"
          "Examples:\n  rsg sweep list\n  rsg sweep list -o csv --limit 1000 > sweeps.csv\n");
  AddVerb(*sweep, "show", "Show a sweep and its jobs", Id::kNewest, Show, exit_code)
      ->footer(
          "For each device: what its control cell gave before and after the sweep's cells, and how far it drifted.\n\n"
          "Examples:\n  rsg sweep show\n  rsg sweep show s3 -o json\n");
  AddVerb(*sweep, "watch", "Follow a sweep until it has ended", Id::kNewest, WatchSweep, exit_code)
      ->footer(
          "A live picture on a terminal, a line for each change in a pipe; with -o json for each change the sweep as\n"
          "'rsg sweep list' has it, an object a line.\n"
          "Ctrl-C leaves the sweep running. Exit code 0 when it has completed, 3 when jobs failed or were lost,\n"
          "1 when it was cancelled.\n\n"
          "Examples:\n  rsg sweep watch\n  rsg sweep watch s3 | tee progress.txt\n");
  AddVerb(*sweep, "cancel", "End a sweep: running jobs are stopped, queued ones dropped", Id::kNeeded, Cancel,
          exit_code)
      ->footer("Results that were measured stay.\n\nExample:\n  rsg sweep cancel s3\n");
  AddVerb(*sweep, "retry", "Queue the failed and lost jobs of a sweep again", Id::kNeeded, Retry, exit_code)
      ->footer(
          "Control cells that failed or were lost on the same devices are measured again, too; those that have a "
          "result "
          "keep it.\n\nExample:\n  rsg sweep retry s3\n");
}

}  // namespace rsg::cli
