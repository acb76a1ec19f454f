#include "agent/trainer/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "agent/trainer/check_options.hpp"
#include "agent/trainer/command_line_run.hpp"
#include "common/arguments.hpp"
#include "common/revision.hpp"
#include "common/version.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

constexpr char kHelp[] =
    "Measures how fast a device trains an image classifier: the standard PyTorch training loop in C++ on LibTorch,\n"
    "on one batch that stays on the device.";
constexpr char kRunExamples[] =
    "Examples:\n"
    "  rsg-trainer run --model resnet50 --bs 64 --fp16           on the GPU, mixed precision, to ± 0.5 %\n"
    "  rsg-trainer run --model resnet18 --bs 8 --size 64         small enough for any CPU\n"
    "  rsg-trainer run --model resnet50 --bs 256 --memory-format nhwc --precision bf16 --seconds 1m\n"
    "  rsg-trainer run --model resnet50 --bs 64 --n_batches 100 --json\n"
    "  rsg-trainer run --model resnet50 --bs 64 --json-lines 3 3>events.jsonl\n"
    "  rsg-trainer run --model resnet50 --bs 64 --mode tuned     nhwc, the faster optimiser, one CUDA graph\n"
    "  rsg-trainer run --script net.pt --bs 64 --size 160        a TorchScript module in place of a model\n";
constexpr char kOtherExamples[] =
    "  rsg-trainer probe                                         what matrix products reach\n"
    "  rsg-trainer check --model resnet50                        one step in float64, to compare with timm\n"
    "  rsg-trainer info                                          devices, precisions, stack\n";
constexpr char kInfoExamples[] =
    "Examples:\n"
    "  rsg-trainer info\n"
    "  rsg-trainer info --json | jq '.devices[].precisions'";
constexpr char kModelsExamples[] =
    "Examples:\n"
    "  rsg-trainer models\n"
    "  rsg-trainer models --json | jq -r '.models[].name'";
constexpr char kProbeExamples[] =
    "Examples:\n"
    "  rsg-trainer probe\n"
    "  rsg-trainer probe --device cpu --precision fp32\n";
constexpr char kExitCodes[] =
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 out of memory, 4 the device cannot run this; 130 and 143 when\n"
    "interrupted by SIGINT or SIGTERM, which let the running step finish.";

void AddProbeOptions(CLI::App* probe, RunWords* words) {
  probe->add_option("--device", words->device, "cpu, cuda or cuda:N (default: a GPU where there is one)");
  probe->add_option("--precision", words->precision, PrecisionWords() + " (default: all that the device has)");
}

absl::Status FillProbe(const RunWords& words, CommandLine* line) {
  line->device = words.device;
  if (words.precision.empty()) return absl::OkStatus();
  const auto precision = PrecisionOf(words);
  if (!precision.ok()) return precision.status();
  line->probe_precision = *precision;
  return absl::OkStatus();
}

std::string VersionText() {
  const std::string revision = SourceRevision();
  return absl::StrCat("rsg-trainer ", kVersion, revision.empty() ? "" : " (" + revision + ")", ", LibTorch ",
                      RSG_TORCH_VERSION);
}

int Mistaken(const std::string& what) {
  std::fprintf(stderr, "rsg-trainer: %s\n", what.c_str());
  return kExitUsage;
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return kExitOutOfMemory;
    case absl::StatusCode::kUnimplemented:
      return kExitUnsupported;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    default:
      return status.ok() ? kExitDone : kExitFailed;
  }
}

std::variant<CommandLine, int> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  RunWords words;
  CheckWords check_words;
  CLI::App app(kHelp, "rsg-trainer");
  app.footer(absl::StrCat(kRunExamples, kOtherExamples, kExitCodes));
  app.set_version_flag("--version", VersionText());
  app.require_subcommand(1);
  CLI::App* run = app.add_subcommand("run", "Train one cell and print its throughput");
  CLI::App* info = app.add_subcommand("info", "List devices with their precisions, models, and the stack");
  CLI::App* models = app.add_subcommand("models", "List the models");
  CLI::App* probe = app.add_subcommand("probe", "Measure what a device reaches in matrix products");
  CLI::App* check = app.add_subcommand("check");
  AddRunOptions(run, &words);
  AddProbeOptions(probe, &words);
  AddCheckOptions(check, &check_words);
  run->footer(absl::StrCat(kRunExamples, kExitCodes));
  info->footer(kInfoExamples);
  models->footer(kModelsExamples);
  probe->footer(absl::StrCat(kProbeExamples, kExitCodes));
  run->add_flag("--json", line.json, "print the outcome as one line of JSON")->group("Output");
  for (CLI::App* verb : {info, models, probe}) verb->add_flag("--json", line.json, "print one line of JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {  // or the version
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return Mistaken(ExplainMistake(app, error));
  }
  line.verb = info->parsed()     ? Verb::kInfo
              : models->parsed() ? Verb::kModels
              : probe->parsed()  ? Verb::kProbe
              : check->parsed()  ? Verb::kCheck
                                 : Verb::kRun;
  if (line.verb == Verb::kInfo || line.verb == Verb::kModels) return line;
  const absl::Status status = line.verb == Verb::kRun     ? FillRun(words, &line)
                              : line.verb == Verb::kCheck ? FillCheck(check_words, &line)
                                                          : FillProbe(words, &line);
  if (!status.ok()) return Mistaken(std::string(status.message()));
  return line;
}

}  // namespace rsg::trainer
