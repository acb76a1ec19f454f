#include "coordinator/cli/sweep_submit.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <thread>

#include "common/json.hpp"
#include "common/secret.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/preset.hpp"
#include "coordinator/cli/scripts.hpp"
#include "coordinator/cli/sweep_file.hpp"
#include "coordinator/cli/sweep_flags.hpp"
#include "coordinator/cli/watch.hpp"

namespace rsg::cli {
namespace {

constexpr int kTries = 3;

constexpr const char* kFooter =
    R"(A sweep measures every combination of models, batch sizes, precisions, memory formats and image sizes on every
matching device. Its id is printed on standard output.

Batch sizes:  8,16,64       these
              8..4096       8, 16, 32, ... 4096: each twice the one before
              8..64+8       8, 16, 24, ... 64: in steps
              1,2,8..64     mixed

A cell is measured until its 95 % confidence interval is narrow enough (--target), or for a fixed time or number of
steps. Before and after its cells each device runs a small control cell: how far the two differ is the drift that
'rsg sweep show' tells. Control cells are not counted and not among the results; --no-control leaves them out.

The same as a file, with the names of the flags as keys; flags override the file:
  models: [resnet18, resnet50]
  bs: 8..256
  precision: [fp32, fp16]
  target: 0.5 %
  control: false

Examples:
  rsg sweep submit --models resnet50 --bs 8..256 --precision fp32,fp16
  rsg sweep submit --models resnet50 --bs 64 --gpu "RTX 3090" --machines 3 --open-for 2h
  rsg sweep submit --models resnet18 --bs 1,2,4 --size 64 --device cpu --watch
  rsg sweep submit --models resnet50 --bs 8,64 --mode tuned --target 0.2
  rsg sweep submit --script mynet.pt --bs 8..64 --size 224
  rsg sweep submit -f sweep.yaml --seconds 10 --dry-run
  rsg sweep submit --preset original)";

struct Flags {
  OutputFlags output;
  std::string operator_file;
  SweepFlags sweep;
  std::string file;
  std::string preset;
  bool no_control = false;
  bool wait = false;
  bool watch = false;
  bool dry_run = false;
};

struct Asked {
  v1::SweepSpec spec;
  std::vector<ScriptFile> scripts;
};

absl::StatusOr<Asked> AskedFor(const Flags& flags) {
  SweepFile file;
  if (!flags.file.empty()) {
    auto read = ReadSweepFile(flags.file);
    if (!read.ok()) return read.status();
    file = *std::move(read);
  }
  SweepFields fields = Override(std::move(file.fields), flags.sweep.Given());
  const std::string preset = !flags.preset.empty() ? flags.preset : file.preset.value_or("");
  if (!preset.empty()) {
    auto whole = ApplyPreset(preset, fields);
    if (!whole.ok()) return whole.status();
    fields = *std::move(whole);
  }
  if (flags.no_control) fields["control"] = "false";
  auto scripts = TakeScripts(&fields);
  if (!scripts.ok()) return scripts.status();
  auto spec = ParseSweep(fields, *scripts);
  if (!spec.ok()) return spec.status();
  return Asked{.spec = *std::move(spec), .scripts = *std::move(scripts)};
}

std::string Plural(std::uint32_t count, const char* word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

bool IsFollowed(const Flags& flags) { return !flags.dry_run && (flags.wait || flags.watch); }

// The id, or with JSON and CSV the whole answer, is the data; the rest is said. With JSON a sweep that is followed is
// shown by its states alone: one kind of object.
void PrintAnswer(const v1::SubmitSweepResponse& reply, const Flags& flags, const Output& output) {
  const std::string counts = fmt::format("{}, {}", Plural(reply.cells(), "cell"), Plural(reply.jobs(), "job"));
  const bool followed = IsFollowed(flags);
  if (output.format == Format::kCsv) {
    const auto table = StandardTable(output, {{.name = "sweep_id"}, {.name = "cells"}, {.name = "jobs"}});
    table->Add({reply.sweep_id(), std::int64_t{reply.cells()}, std::int64_t{reply.jobs()}});
    table->Finish();
  } else if (output.format == Format::kJson && !followed) {
    std::cout << ToJson(reply) << '\n';
  } else if (output.format == Format::kTable && !flags.dry_run && !followed) {
    std::cout << reply.sweep_id() << '\n';
  }
  std::cout.flush();
  for (const std::string& note : reply.notes()) Say(note);
  if (flags.dry_run)
    Say(fmt::format("the sweep is good: {}; nothing was queued", counts));
  else if (output.format == Format::kTable || followed)
    Say(fmt::format("sweep {}: {} queued{}", reply.sweep_id(), counts,
                    followed ? "" : fmt::format("; 'rsg sweep watch {}' follows it", reply.sweep_id())));
}

int Submit(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const bool followed = IsFollowed(flags);
  if (const auto shown = CheckShowsProgress(output->format); followed && !shown.ok()) return Report(shown);
  const auto asked = AskedFor(flags);
  if (!asked.ok()) {
    Report(asked.status());
    return kUsage;  // a file that cannot be read, too, is input that was refused
  }
  const auto client = Client::Find(flags.operator_file, output->config);
  if (!client.ok()) return Report(client.status());
  if (!flags.dry_run)
    if (const auto sent = UploadScripts(client->get(), asked->scripts); !sent.ok()) return Report(sent);
  const auto reply = SubmitSweep(client->get(), asked->spec, flags.dry_run);
  if (!reply.ok()) {
    const int code = Report(reply.status());
    return absl::IsFailedPrecondition(reply.status()) ? kUsage : code;
  }
  const Interrupts interrupts;
  PrintAnswer(*reply, flags, *output);
  if (!followed) return FinishOutput();
  const auto display = flags.watch ? MakeDisplay(STDOUT_FILENO, output->format, output->color)
                                   : MakeQuietDisplay(STDOUT_FILENO, output->format);
  return ReportWatchEnd(Watch(client->get(), reply->sweep_id(), {}, interrupts, display.get()));
}

}  // namespace

absl::StatusOr<v1::SubmitSweepResponse> SubmitSweep(Client* client, const v1::SweepSpec& spec, bool dry_run) {
  v1::SubmitSweepRequest request;
  *request.mutable_spec() = spec;
  request.set_request_id(RandomHex(16));
  request.set_dry_run(dry_run);
  for (int attempt = 1;; ++attempt) {
    auto reply = client->Call(&v1::Control::Stub::SubmitSweep, request);
    if (attempt == kTries || !absl::IsUnavailable(reply.status())) return reply;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    client->DialAnew();
  }
}

void AddSweepSubmit(CLI::App& sweep, int& exit_code) {
  auto* app = sweep.add_subcommand("submit", "Submit a sweep");
  const auto flags = std::make_shared<Flags>();
  flags->sweep.AddTo(*app);
  app->add_option("-f,--file", flags->file, "A sweep as YAML; - reads standard input")->type_name("FILE");
  app->add_option("--preset", flags->preset, "original: the whole matrix of the original benchmark")->type_name("NAME");
  app->add_flag("--no-control", flags->no_control, "No control cell before and after the cells of each device")
      ->group("Sweep");
  auto* watch = app->add_flag("--watch", flags->watch, "Follow it until it has ended, as 'rsg sweep watch' does");
  app->add_flag("--wait", flags->wait,
                "Wait until it has ended, print one line then, with -o json its row of 'rsg sweep list'")
      ->excludes(watch);
  app->add_flag("--dry-run", flags->dry_run, "Check and count, queue nothing");
  AddOutputFlags(*app, &flags->output);
  AddClientFlags(*app, &flags->operator_file);
  app->footer(kFooter);
  app->callback([flags, &exit_code] { exit_code = Submit(*flags); });
}

}  // namespace rsg::cli
