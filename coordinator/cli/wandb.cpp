// `rsg wandb status|retry|verify|resend|backfill`.
#include <fmt/format.h>

#include <cmath>
#include <iostream>

#include "common/duration.hpp"
#include "common/text.hpp"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/row_values.hpp"
#include "coordinator/cli/rows.hpp"

namespace rsg::cli {
namespace {

using Control = v1::Control::Stub;

struct Flags {
  OutputFlags output;
  std::string operator_file;
  std::string of;  // a sweep or a job
  std::string project;
  std::string entity;
  bool anew = false;
};

std::vector<Column> StatusColumns() {
  std::vector<Column> columns;
  for (const char* name :
       {"on", "base_url", "entity", "project", "key_source", "open", "sending", "done", "stuck", "backlog_lines",
        "oldest_backlog_seconds", "paused", "last_error", "last_error_at", "last_success_at", "stuck_error"})
    columns.push_back({.name = name});
  return columns;
}

Row ToRow(const v1::ShowWandbResponse& wandb) {
  return {wandb.on(),
          wandb.base_url(),
          TextOrNull(wandb.entity()),
          wandb.project(),
          TextOrNull(wandb.key_source()),
          Integer(wandb.open()),
          Integer(wandb.sending()),
          Integer(wandb.done()),
          Integer(wandb.stuck()),
          Integer(wandb.backlog_lines()),
          wandb.has_oldest_backlog_seconds() ? Value(wandb.oldest_backlog_seconds()) : Value(),
          wandb.paused(),
          TextOrNull(wandb.last_error()),
          TextOrNull(Iso8601(wandb.last_error_unix_seconds())),
          TextOrNull(Iso8601(wandb.last_success_unix_seconds())),
          TextOrNull(wandb.stuck_error())};
}

// For people: a line for each thing that there is to say.
void Print(const v1::ShowWandbResponse& wandb) {
  const auto line = [](const char* name, const std::string& text) {
    std::cout << fmt::format("{:<9}{}\n", name, Printable(text, true));
  };
  if (wandb.on())
    line("goes to",
         fmt::format("{}, entity {}, project {}; key from {}", wandb.base_url(),
                     wandb.entity().empty() ? "of the key" : wandb.entity(), wandb.project(), wandb.key_source()));
  else
    line("off", fmt::format("{}start 'rsg serve' with WANDB_API_KEY, a netrc entry for the host of {}, or the file "
                            "'wandb-key' (0600) in its state folder",
                            wandb.key_source().empty() ? "" : wandb.key_source() + "; ", wandb.base_url()));
  line("runs", fmt::format("{} open, {} sending, {} done, {} stuck", wandb.open(), wandb.sending(), wandb.done(),
                           wandb.stuck()));
  std::string backlog = fmt::format("{} lines", wandb.backlog_lines());
  if (wandb.has_oldest_backlog_seconds())
    backlog += fmt::format("; the oldest job ended {} ago", FormatDuration(std::floor(wandb.oldest_backlog_seconds())));
  line("backlog", backlog);
  if (wandb.last_success_unix_seconds() > 0) line("last ok", Iso8601(wandb.last_success_unix_seconds()));
  if (wandb.paused())
    line("PAUSED", wandb.last_error());
  else if (!wandb.last_error().empty())
    line("trouble",
         fmt::format("{} ({}); tried again by itself", wandb.last_error(), Iso8601(wandb.last_error_unix_seconds())));
  if (wandb.stuck() > 0) line("STUCK", fmt::format("{}; 'rsg wandb retry' tries again", wandb.stuck_error()));
}

int Show(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  v1::ShowWandbRequest request;
  request.set_sweep_id(flags.of);
  const auto reply = (*client)->Call(&Control::ShowWandb, request);
  if (!reply.ok()) return Report(reply.status());
  if (output->format == Format::kTable) {
    Print(*reply);
    return FinishOutput();
  }
  const auto table = StandardTable(*output, StatusColumns());
  table->Add(ToRow(*reply));
  table->Finish();
  return FinishOutput();
}

// What the verbs that change something print: how many runs it is for.
template <typename Reply>
int PrintCount(const Output& output, const Reply& reply, const char* what) {
  if (output.format == Format::kTable)
    Say(fmt::format("{} run{} {}", reply.runs(), reply.runs() == 1 ? "" : "s", what));
  PrintReply(output, reply, {{.name = "runs"}}, {{Integer(reply.runs())}});
  return FinishOutput();
}

int Revise(const Flags& flags, v1::WandbAction action, const char* what) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  v1::ReviseWandbRequest request;
  request.set_action(action);
  request.set_of(flags.of);
  const auto reply = (*client)->Call(&Control::ReviseWandb, request);
  if (!reply.ok()) return Report(reply.status());
  return PrintCount(*output, *reply, what);
}

int Backfill(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  v1::BackfillWandbRequest request;
  request.set_sweep_id(flags.of);
  request.set_project(flags.project);
  request.set_entity(flags.entity);
  const auto reply = (*client)->Call(&Control::BackfillWandb, request, /*seconds=*/300);
  if (!reply.ok()) return Report(reply.status());
  return PrintCount(*output, *reply, "will be sent; 'rsg wandb status' shows how it goes");
}

// A verb with the flags that all have.
CLI::App* AddVerb(CLI::App& parent, const char* name, const char* help, const std::shared_ptr<Flags>& flags,
                  const char* footer) {
  auto* app = parent.add_subcommand(name, help);
  AddOutputFlags(*app, &flags->output);
  AddClientFlags(*app, &flags->operator_file);
  app->footer(footer);
  return app;
}

void AddRevise(CLI::App& parent, const char* name, const char* help, v1::WandbAction action, const char* what,
               const char* footer, int& exit_code) {
  const auto flags = std::make_shared<Flags>();
  auto* app = AddVerb(parent, name, help, flags, footer);
  app->add_option("of", flags->of, "A sweep (s3) or a job (s3.14); default: all")->type_name("SWEEP");
  app->callback([flags, action, what, &exit_code] { exit_code = Revise(*flags, action, what); });
}

void AddResend(CLI::App& parent, int& exit_code) {
  const auto flags = std::make_shared<Flags>();
  auto* app = AddVerb(parent, "resend", "Send runs again from the start", flags,
                      "Under the same id this repeats what is there and adds what is missing. W&B does not take the id "
                      "of a run again\nthat was deleted there: --new gives new ones, and what is there stays beside "
                      "it.\n\nExamples:\n  rsg wandb resend s3\n  rsg wandb resend s3.14 --new\n");
  app->add_option("of", flags->of, "A sweep (s3) or a job (s3.14)")->type_name("SWEEP")->required();
  app->add_flag("--new", flags->anew, "Under new ids");
  app->callback([flags, &exit_code] {
    exit_code =
        Revise(*flags, flags->anew ? v1::WANDB_ACTION_RESEND_NEW : v1::WANDB_ACTION_RESEND, "will be sent again");
  });
}

}  // namespace

void AddWandb(CLI::App& parent, int& exit_code) {
  auto* wandb = parent.add_subcommand("wandb", "See and steer what goes to Weights & Biases");
  wandb->require_subcommand(1);
  wandb->footer(
      "The key is the coordinator's: 'rsg serve --help'.\n\nExamples:\n  rsg wandb status\n  rsg wandb retry\n"
      "  rsg wandb backfill --sweep s3\n");

  const auto status_flags = std::make_shared<Flags>();
  auto* status = AddVerb(*wandb, "status", "Where results go, what has arrived, what is wrong", status_flags,
                         "Examples:\n  rsg wandb status\n  rsg wandb status --sweep s3 -o json\n");
  status->add_option("--sweep", status_flags->of, "Count only this sweep's runs")->type_name("SWEEP");
  status->callback([status_flags, &exit_code] { exit_code = Show(*status_flags); });

  AddRevise(*wandb, "retry", "Try again what is paused or stuck", v1::WANDB_ACTION_RETRY,
            "had been stuck; sending goes on",
            "A pause (W&B refuses the key) also ends when the coordinator is started again.\n\n"
            "Examples:\n  rsg wandb retry\n  rsg wandb retry s3.14\n",
            exit_code);
  AddRevise(*wandb, "verify", "Read runs back that are done, mend what W&B has lost", v1::WANDB_ACTION_VERIFY,
            "will be read back; 'rsg wandb status' shows how it goes",
            "Every run is read back once by itself when it has ended.\n\nExamples:\n  rsg wandb verify\n"
            "  rsg wandb verify s3\n",
            exit_code);
  AddResend(*wandb, exit_code);

  const auto backfill_flags = std::make_shared<Flags>();
  auto* backfill = AddVerb(*wandb, "backfill", "Send results that were stored before there was a key", backfill_flags,
                           "Or send them into another project, beside where they are. What is there already is not "
                           "sent again.\n\nExamples:\n  rsg wandb backfill\n  rsg wandb backfill --sweep s3 --project "
                           "gpus-2026\n");
  backfill->add_option("--sweep", backfill_flags->of, "Only this sweep's")->type_name("SWEEP");
  backfill->add_option("--project", backfill_flags->project, "Default: the coordinator's")->type_name("NAME");
  backfill->add_option("--entity", backfill_flags->entity, "Default: the coordinator's")->type_name("NAME");
  backfill->callback([backfill_flags, &exit_code] { exit_code = Backfill(*backfill_flags); });
}

}  // namespace rsg::cli
