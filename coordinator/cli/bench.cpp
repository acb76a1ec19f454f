// `rsg bench`: coordinator, agent and trainer on this machine in one command.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "common/arguments.hpp"
#include "common/core_dump.hpp"
#include "common/files.hpp"
#include "coordinator/cli/bench_session.hpp"
#include "coordinator/cli/bench_wandb.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/rows.hpp"
#include "coordinator/cli/scripts.hpp"
#include "coordinator/cli/sweep_flags.hpp"
#include "coordinator/cli/sweep_submit.hpp"
#include "coordinator/cli/watch.hpp"

namespace rsg::cli {
namespace {

constexpr const char* kFooter =
    R"(The result is printed on standard output and kept in the state folder; progress goes to standard error.
Lists of models, batch sizes and the like measure every combination, one after the other. With --control a small control
cell is measured before and after, to see whether the machine became slower or faster meanwhile.
With --wnb the results also go to Weights & Biases, and the command ends when they stand there; the key is found as by
'rsg serve'. What does not arrive within two minutes is kept, and sent by the next run with --wnb.
Ctrl-C stops everything. Exit code 3 when a cell failed, 1 when a result has not arrived in W&B.

Examples:
  rsg bench --model resnet50 --bs 64 --fp16
  rsg bench --model resnet18,resnet50 --bs 8..64 --memory-format nchw,nhwc --seconds 10
  rsg bench --model resnet50 --bs 64 --n-batches 100 -o json
  rsg bench --script mynet.pt --bs 64 --fp16
  rsg bench --model resnet50 --bs 64 --fp16 --wnb --wnb_project my-gpus --run_number 2
  rsg results list --state ~/.local/state/rsg/bench)";

struct Flags {
  OutputFlags output;
  SweepFlags sweep;
  std::string state;
  bool fp16 = false;
  bool control = false;
  std::uint32_t run_number = 0;
  BenchWandbFlags wandb;
};

SweepFields FieldsOf(const Flags& flags) {
  SweepFields fields = flags.sweep.Given();
  if (flags.fp16) fields["precision"] = "fp16";
  fields["control"] = flags.control ? "true" : "false";
  if (flags.run_number > 0) fields["name"] = fmt::format("run {}", flags.run_number);
  return fields;
}

absl::StatusOr<v1::SweepSpec> SpecOf(const Flags& flags, const SweepFields& fields,
                                     const std::vector<ScriptFile>& scripts) {
  auto spec = ParseSweep(fields, scripts);
  if (!spec.ok()) return spec;
  spec->set_run_number(flags.run_number);
  spec->set_run_name(flags.wandb.run);
  return spec;
}

void CancelSweep(Client* client, const std::string& sweep_id) {
  v1::CancelSweepRequest request;
  request.set_sweep_id(sweep_id);
  const auto reply = client->Call(&v1::Control::Stub::CancelSweep, request, 5);
  if (!reply.ok()) Say(std::string(reply.status().message()));
}

int PrintResults(Client* client, const std::string& sweep_id, const Output& output) {
  const auto table = StandardTable(output, ResultColumns());
  v1::QueryResultsRequest request;
  request.set_sweep_id(sweep_id);
  const absl::Status status = client->Stream<v1::QueryResultsRequest, v1::ResultRow>(
      &v1::Control::Stub::QueryResults, request, [&](const v1::ResultRow& row) {
        table->Add(ToRow(row));
        return std::cout.good();
      });
  table->Finish();
  const int written = FinishOutput();
  return status.ok() ? written : Report(status);
}

// From an attached agent to printed results.
int Measure(BenchSession* session, const v1::SweepSpec& spec, const std::vector<ScriptFile>& scripts,
            const Output& output, const Interrupts& interrupts, bool to_wandb) {
  if (const auto sent = UploadScripts(session->client(), scripts); !sent.ok()) return Report(sent);
  const auto submitted = SubmitSweep(session->client(), spec, /*dry_run=*/false);
  if (!submitted.ok()) return Report(submitted.status());
  const std::string id = submitted->sweep_id();
  const auto display = MakeDisplay(STDERR_FILENO, Format::kTable, output.color);
  const WatchOptions options{.give_up_seconds = 30, .check = [session] { return session->CheckAgent(); }};
  const auto end = Watch(session->client(), id, options, interrupts, display.get());
  if (!end.ok()) {
    const int code = Report(end.status());
    CancelSweep(session->client(), id);
    return code;
  }
  if (end->interrupted) {
    CancelSweep(session->client(), id);
    Say("interrupted; stopping");
    return kInterrupted;
  }
  const int printed = PrintResults(session->client(), id, output);
  if (printed != kDone) return printed;
  if (to_wandb)
    if (const absl::Status sent = WaitForWandb(session->client(), id, interrupts); !sent.ok()) {
      const int code = Report(sent);
      return absl::IsCancelled(sent) ? kInterrupted : code;
    }
  return SweepExitCode(end->last);
}

int Bench(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  SweepFields fields = FieldsOf(flags);
  const auto scripts = TakeScripts(&fields);
  if (!scripts.ok()) return Report(scripts.status());
  const auto spec = SpecOf(flags, fields, *scripts);
  if (!spec.ok()) return Report(spec.status());
  const auto program = FindAgentProgram(output->config.agent_program);
  if (!program.ok()) return Report(program.status());
  const std::filesystem::path state =
      flags.state.empty() ? DefaultStateRoot() / "bench" : std::filesystem::path(flags.state);

  const auto wandb = WandbSettings(flags.wandb, state);
  if (!wandb.ok()) return Report(wandb.status());
  if (flags.wandb.on) ForbidCoreDumps();  // the agent sets its own

  const Interrupts interrupts;
  const auto session = BenchSession::Start(state, *program, *wandb);
  if (!session.ok()) return Report(session.status());
  int code = kInterrupted;
  if (const absl::Status ready = (*session)->WaitForAgent(interrupts); ready.ok())
    code = Measure(session->get(), *spec, *scripts, *output, interrupts, flags.wandb.on);
  else if (!absl::IsCancelled(ready))
    code = Report(ready);
  (*session)->Stop(code == kInterrupted ? 1 : 3, interrupts);
  if (code == kDone || code == kJobsFailed)
    Say(fmt::format("stored in {}; 'rsg results list --state {}' lists it", (state / "rsg.db").string(),
                    state.string()));
  return code;
}

}  // namespace

void AddBench(CLI::App& parent, int& exit_code) {
  auto* app = parent.add_subcommand("bench", "Measure this machine: everything in one command");
  const auto flags = std::make_shared<Flags>();
  flags->sweep.AddTo(
      *app, {"models", "script", "input-shape", "bs", "precision", "size", "memory-format", "mode", "target", "seconds",
             "n-batches", "max-seconds", "memory-limit", "repeats", "device", "gpu", "name"});
  app->add_flag("--fp16", flags->fp16, "The same as --precision fp16")->excludes(app->get_option("--precision"));
  app->add_flag("--control", flags->control, "A control cell before and after")->group("Sweep");
  app->add_option("--run_number", flags->run_number, "Kept with the results as the name \"run N\", and in W&B")
      ->type_name("N")
      ->check(Within(1U, 1'000'000'000U))
      ->excludes(app->get_option("--name"));
  flags->wandb.AddTo(*app);
  app->add_option("--state", flags->state, "Folder of the results; default: ~/.local/state/rsg/bench")
      ->type_name("FOLDER");
  AddOutputFlags(*app, &flags->output);
  app->footer(kFooter);
  app->callback([flags, &exit_code] { exit_code = Bench(*flags); });
}

}  // namespace rsg::cli
