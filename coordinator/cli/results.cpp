// `rsg results list|best`.
#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <iostream>

#include "absl/strings/str_split.h"
#include "common/files.hpp"
#include "common/models.hpp"
#include "common/refusal.hpp"
#include "common/script.hpp"
#include "common/words.hpp"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/compare.hpp"
#include "coordinator/cli/drift.hpp"
#include "coordinator/cli/output.hpp"
#include "coordinator/cli/rows.hpp"
#include "coordinator/store/reader.hpp"

namespace rsg::cli {
namespace {

constexpr std::size_t kMostDriftLines = 16;

struct Flags {
  OutputFlags output;
  std::string operator_file;
  std::string state;
  std::string sweep;
  std::string model;
  std::string precision;
  std::string gpu;
  std::string outcome;
  bool best = false;
  bool control = false;
};

// Hands the rows on one by one; false: no more are wanted.
using Take = std::function<bool(const v1::ResultRow&)>;

absl::StatusOr<v1::QueryResultsRequest> RequestOf(const Flags& flags) {
  v1::QueryResultsRequest request;
  if (!flags.model.empty() && FindModel(flags.model) == nullptr && !IsScriptModel(flags.model))
    return RefuseWord("model", flags.model, ModelNames());
  if (!flags.precision.empty()) {
    const auto precision = ParsePrecision(flags.precision);
    if (!precision) return RefuseWord("precision", flags.precision, PrecisionWords());
    request.set_precision(*precision);
  }
  if (!flags.outcome.empty()) {
    const auto outcome = ParseOutcome(flags.outcome);
    if (!outcome) return RefuseWord("outcome", flags.outcome, OutcomeWords());
    request.set_outcome(*outcome);
  }
  request.set_sweep_id(flags.sweep);
  request.set_model(flags.model);
  request.set_device_name(flags.gpu);
  request.set_best(flags.best);
  request.set_role(flags.control ? v1::ROLE_CONTROL : v1::ROLE_MEASUREMENT);
  return request;
}

absl::Status FromDatabase(const std::string& state, const v1::QueryResultsRequest& request, const Take& take) {
  const auto reader = store::Reader::Open(std::filesystem::path(state) / "rsg.db");
  if (!reader.ok()) return reader.status();
  std::optional<schedule::JobKey> after;
  bool any = false;
  do {
    const auto page = (*reader)->ResultsPage(request, after, store::kMaxPage);
    if (!page.ok()) return page.status();
    any = any || !page->rows.empty();
    for (const v1::ResultRow& row : page->rows)
      if (!take(row)) return absl::OkStatus();
    after = page->next;
  } while (after);
  const auto sweep = schedule::ParseSweepId(request.sweep_id());
  return any || !sweep ? absl::OkStatus() : (*reader)->FindSweep(*sweep).status();
}

absl::Status FromCoordinator(const Flags& flags, const Config& config, const v1::QueryResultsRequest& request,
                             const Take& take) {
  const auto client = Client::Find(flags.operator_file, config);
  if (absl::IsNotFound(client.status()) && flags.operator_file.empty())
    return absl::NotFoundError(fmt::format("{}. What 'rsg bench' has measured is shown with --state {}",
                                           std::string(client.status().message()),
                                           (DefaultStateRoot() / "bench").string()));
  if (!client.ok()) return client.status();
  return (*client)->Stream<v1::QueryResultsRequest, v1::ResultRow>(&v1::Control::Stub::QueryResults, request, take);
}

absl::Status Ask(const Flags& flags, const Config& config, const v1::QueryResultsRequest& request, const Take& take) {
  return flags.state.empty() ? FromCoordinator(flags, config, request, take) : FromDatabase(flags.state, request, take);
}

// Below a table: how the control cells of the same sweeps and devices did.
absl::Status PrintDrift(const Flags& flags, const Output& output) {
  v1::QueryResultsRequest request;
  request.set_sweep_id(flags.sweep);
  request.set_device_name(flags.gpu);
  request.set_role(v1::ROLE_CONTROL);
  DriftBook book;
  const absl::Status status = Ask(flags, output.config, request, [&book](const v1::ResultRow& row) {
    book.Add(row.job());
    return true;
  });
  for (const std::string& line : book.Lines(kMostDriftLines, StyleOf(STDOUT_FILENO, output.color).unicode))
    std::cout << line << '\n';
  return status;
}

int Run(const Flags& flags) {
  const auto output = MakeOutput(flags.output);
  if (!output.ok()) return Report(output.status());
  const auto request = RequestOf(flags);
  if (!request.ok()) return Report(request.status());
  std::unique_ptr<Table> table;  // made with the first row: nothing is printed before a failure
  std::size_t count = 0;
  StackComparison stacks;
  const auto take = [&](const v1::ResultRow& row) {
    if (table == nullptr) table = StandardTable(*output, ResultColumns());
    table->Add(ToRow(row));
    stacks.Add(row.result());
    ++count;
    return std::cout.good();
  };
  absl::Status status = Ask(flags, output->config, *request, take);
  if (table == nullptr && status.ok()) table = StandardTable(*output, ResultColumns());
  if (table != nullptr) table->Finish();
  if (count == 0 && status.ok()) Say("no results match");
  const bool list = !flags.best && !flags.control && output->format == Format::kTable;
  if (list && count > 0 && status.ok()) status = PrintDrift(flags, *output);
  const int written = FinishOutput();
  if (const std::string note = flags.best ? stacks.Note() : ""; !note.empty()) Say(note);
  return status.ok() ? written : Report(status);
}

void AddVerb(CLI::App& parent, const char* name, const char* help, bool best, const char* footer, int& exit_code) {
  auto* app = parent.add_subcommand(name, help);
  const auto flags = std::make_shared<Flags>();
  flags->best = best;
  app->add_option("--sweep", flags->sweep, "Only this sweep's, such as s3")->type_name("SWEEP");
  app->add_option("--model", flags->model, "Only this model's")->type_name("MODEL");
  app->add_option("--precision", flags->precision, "Only this precision's: " + PrecisionWords())->type_name("WORD");
  app->add_option("--gpu", flags->gpu, "Only devices whose name contains this")->type_name("NAME");
  if (!best)
    app->add_option("--outcome", flags->outcome, "Only jobs that ended so: " + OutcomeWords())->type_name("WORD");
  if (!best) app->add_flag("--control", flags->control, "The control cells instead of what sweeps measure");
  auto* state = app->add_option("--state", flags->state,
                                "Read this coordinator's or bench's state folder, no "
                                "coordinator needed")
                    ->type_name("FOLDER");
  AddOutputFlags(*app, &flags->output);
  AddClientFlags(*app, &flags->operator_file);
  app->get_option("--operator-file")->excludes(state);
  app->footer(footer);
  app->callback([flags, &exit_code] { exit_code = Run(*flags); });
}

}  // namespace

void AddResults(CLI::App& parent, int& exit_code) {
  auto* results = parent.add_subcommand("results", "See what was measured");
  results->require_subcommand(1);
  results->footer("Examples:\n  rsg results best\n  rsg results list --sweep s3 -o csv > results.csv\n");
  AddVerb(
      *results, "list", "List every job that has ended, with its result", false,
      "\u00b1% is the half-width of the 95 % confidence interval. Below the table stands how far the control cell of "
      "each\ndevice drifted between the start and the end of its sweep; --control lists these cells. JSON and CSV have "
      "the\ncolumns of the database's view v_results (with --control: v_ended).\n\n"
      "Examples:\n  rsg results list --sweep s3\n  rsg results list --outcome FAILED\n"
      "  rsg results list -o csv > results.csv\n  rsg results list --state ~/.local/state/rsg/bench\n",
      exit_code);
  AddVerb(
      *results, "best", "The best batch size of each device, model, size, precision and memory format", true,
      "Rows of different stacks (LibTorch, CUDA, cuDNN) are noted on standard error: 'stack_key' in JSON and CSV.\n\n"
      "Examples:\n  rsg results best\n  rsg results best --model resnet50 --gpu 3090 -o json\n",
      exit_code);
}

}  // namespace rsg::cli
