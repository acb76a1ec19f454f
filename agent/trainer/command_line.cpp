#include "agent/trainer/command_line.hpp"

#include <fcntl.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/trainer/check_options.hpp"
#include "common/duration.hpp"
#include "common/models.hpp"
#include "common/percent.hpp"
#include "common/revision.hpp"
#include "common/validate.hpp"
#include "common/version.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

constexpr double kDefaultTarget = 0.005;
constexpr double kTargetMaxSeconds = 60;
constexpr double kMostSeconds = 86400;

constexpr char kHelp[] =
    "Measures how fast a device trains an image classifier: the standard PyTorch training loop in C++ on LibTorch,\n"
    "on one batch that stays on the device.";
constexpr char kExamples[] =
    "Examples:\n"
    "  rsg-trainer run --model resnet50 --bs 64 --fp16           on the GPU, mixed precision, to ± 0.5 %\n"
    "  rsg-trainer run --model resnet18 --bs 8 --size 64         small enough for any CPU\n"
    "  rsg-trainer run --model resnet50 --bs 256 --memory-format nhwc --precision bf16 --seconds 1m\n"
    "  rsg-trainer run --model resnet50 --bs 64 --n_batches 100 --json\n"
    "  rsg-trainer run --model resnet50 --bs 64 --json-lines 3 3>events.jsonl\n"
    "  rsg-trainer run --model resnet50 --bs 64 --mode tuned     nhwc, the faster optimiser, one CUDA graph\n"
    "  rsg-trainer probe                                         what matrix products reach\n"
    "  rsg-trainer check --model resnet50                        one step in float64, to compare with timm\n"
    "  rsg-trainer info                                          devices, precisions, stack\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 out of memory, 4 the device cannot run this; 130 and 143 when\n"
    "interrupted by SIGINT or SIGTERM, which let the running step finish.";

// Options as they are written; checked afterwards, so that errors read the same everywhere.
struct RunWords {
  std::string model;
  std::uint32_t batch_size = 0;
  std::optional<std::uint32_t> image_size;
  std::string precision;
  bool fp16 = false;
  std::string memory_format;
  std::string mode = "standard";
  std::string device;
  std::string target;
  std::string seconds;
  std::optional<std::uint32_t> n_batches;
  std::string max_seconds;
  std::optional<std::uint32_t> memory_limit;
  std::optional<int> json_lines;
  std::string soak;
  std::string thermal_gate;
  std::uint64_t seed = 0;
  std::optional<double> peak_flops;
  std::string probe_cache;
};

void AddRunOptions(CLI::App* run, RunWords* words) {
  run->add_option("--model", words->model, "what to train: " + ModelNames())->required()->group("What");
  run->add_option("--bs,--batch-size", words->batch_size, "samples a step, 1 to 65536")->required()->group("What");
  run->add_option("--size", words->image_size, "image height and width in pixels (default: the model's)")
      ->group("What");
  run->add_option("--precision", words->precision,
                  PrecisionWords() + " (default fp32: PyTorch's defaults, with TF32 in convolutions from Ampere on)")
      ->group("What");
  run->add_flag("--fp16", words->fp16, "the same as --precision fp16")->group("What");
  run->add_option("--memory-format", words->memory_format, MemoryFormatWords() + " (default nchw; tuned: nhwc)")
      ->group("What");
  run->add_option("--mode", words->mode,
                  "how the loop is written: standard (default); original, the loop and the clock of the Python tool of "
                  "that name; tuned, with nhwc, the faster optimiser and a CUDA graph")
      ->group("What");
  run->add_option("--seed", words->seed, "of weights and batch (default 0)")->group("What");
  run->add_option("--device", words->device, "cpu, cuda or cuda:N (default: a GPU where there is one)")->group("Where");
  run->add_option("--memory-limit", words->memory_limit,
                  "cap in MiB, so that out of memory is reproducible: on a GPU what the caching allocator may reserve, "
                  "on a CPU what live tensors may hold")
      ->group("Where");
  run->add_option("--target", words->target,
                  "measure until the 95 % confidence interval is within ± this many percent (default 0.5, and 1 min at "
                  "most)")
      ->group("How long");
  run->add_option("--seconds,--n_seconds", words->seconds, "measure this long after warm-up")
      ->group("How long");
  run->add_option("--n_batches,--n-batches", words->n_batches, "measure this many steps after warm-up")
      ->group("How long");
  run->add_option("--max-seconds", words->max_seconds, "end warm-up and measurement together at the latest")
      ->group("How long");
  run->add_option("--soak", words->soak,
                  "train on this long after the measurement and report what is sustained in its second half")
      ->group("How long");
  run->add_option("--thermal-gate", words->thermal_gate,
                  "before measuring, train until the GPU's temperature has settled, for 3 minutes at most, or has come "
                  "near the one that this file of that GPU remembers (not part of --max-seconds; nothing happens "
                  "without a thermometer)")
      ->group("How long");
  run->add_option("--peak-flops", words->peak_flops,
                  "what the device reaches in matrix products of this precision, in FLOP/s, to compare with (default: "
                  "a probe of about a second after the measurement)")
      ->check(CLI::PositiveNumber)
      ->group("Output");
  run->add_option("--probe-cache", words->probe_cache, "file that remembers such probes from run to run")
      ->group("Output");
  run->add_option("--json-lines", words->json_lines,
                  "write events as lines of JSON to this open descriptor, 3 or above")
      ->group("Output");
}

void AddProbeOptions(CLI::App* probe, RunWords* words) {
  probe->add_option("--device", words->device, "cpu, cuda or cuda:N (default: a GPU where there is one)");
  probe->add_option("--precision", words->precision, PrecisionWords() + " (default: all that the device has)");
}

absl::Status Usage(const std::string& text) { return absl::InvalidArgumentError(text); }

absl::StatusOr<v1::Precision> PrecisionOf(const RunWords& words) {
  if (words.precision.empty()) return words.fp16 ? v1::PRECISION_FP16 : v1::PRECISION_FP32;
  const auto precision = ParsePrecision(words.precision);
  if (!precision)
    return Usage(absl::StrCat("precision: '", words.precision, "' is unknown; use one of ", PrecisionWords()));
  if (words.fp16 && *precision != v1::PRECISION_FP16)
    return Usage(absl::StrCat("precision: ", words.precision, " together with --fp16; give one of them"));
  return *precision;
}

absl::StatusOr<v1::MemoryFormat> FormatOf(const RunWords& words, v1::Mode mode) {
  if (words.memory_format.empty()) return mode == v1::MODE_TUNED ? v1::MEMORY_FORMAT_NHWC : v1::MEMORY_FORMAT_NCHW;
  if (const auto format = ParseMemoryFormat(words.memory_format)) return *format;
  return Usage(absl::StrCat("memory-format: '", words.memory_format, "' is unknown; use one of ", MemoryFormatWords()));
}

absl::StatusOr<v1::Cell> CellOf(const RunWords& words) {
  const auto precision = PrecisionOf(words);
  if (!precision.ok()) return precision.status();
  const auto mode = ParseMode(words.mode);
  if (!mode) return Usage(absl::StrCat("mode: '", words.mode, "' is unknown; use one of ", ModeWords()));
  const auto format = FormatOf(words, *mode);
  if (!format.ok()) return format.status();
  const ModelEntry* model = FindModel(words.model);
  v1::Cell cell;
  cell.set_model(words.model);
  cell.set_batch_size(words.batch_size);
  cell.set_image_size(words.image_size.value_or(model != nullptr ? model->default_image_size : 0));
  cell.set_precision(*precision);
  cell.set_memory_format(*format);
  cell.set_mode(*mode);
  if (auto status = Validate(cell); !status.ok()) return status;
  return cell;
}

absl::StatusOr<double> SecondsOf(const char* field, const std::string& text) {
  const auto seconds = ParseDuration(text);
  if (!seconds.ok()) return Usage(absl::StrCat(field, ": ", seconds.status().message()));
  return *seconds;
}

// Far enough for any warm-up, near enough that a forgotten run ends.
double MaxSecondsOf(const v1::Limits& limits) {
  if (limits.has_target_half_width()) return kTargetMaxSeconds;
  return limits.has_seconds() ? std::min(kMostSeconds, 600 + 2 * limits.seconds()) : kMostSeconds;
}

absl::StatusOr<v1::Limits> LimitsOf(const RunWords& words) {
  v1::Limits limits;
  if (!words.seconds.empty()) {
    const auto seconds = SecondsOf("seconds", words.seconds);
    if (!seconds.ok()) return seconds.status();
    limits.set_seconds(*seconds);
  }
  if (!words.target.empty()) {
    const auto target = ParsePercent(words.target);
    if (!target.ok()) return Usage(absl::StrCat("target: ", target.status().message()));
    limits.set_target_half_width(*target);
  }
  if (words.n_batches) limits.set_n_batches(*words.n_batches);
  if (words.memory_limit) limits.set_memory_limit_mib(*words.memory_limit);
  if (!limits.has_seconds() && !limits.has_n_batches() && !limits.has_target_half_width())
    limits.set_target_half_width(kDefaultTarget);
  if (words.max_seconds.empty()) {
    limits.set_max_seconds(MaxSecondsOf(limits));
  } else {
    const auto seconds = SecondsOf("max-seconds", words.max_seconds);
    if (!seconds.ok()) return seconds.status();
    limits.set_max_seconds(*seconds);
  }
  if (auto status = Validate(limits); !status.ok()) return status;
  return limits;
}

absl::StatusOr<double> SoakOf(const RunWords& words) {
  if (words.soak.empty()) return 0;
  const auto seconds = SecondsOf("soak", words.soak);
  if (!seconds.ok()) return seconds.status();
  if (*seconds < 1 || *seconds > kMostSeconds)
    return Usage(absl::StrCat("soak: ", *seconds, " s is out of range; use 1 s to 1 d"));
  return *seconds;
}

absl::StatusOr<int> JsonLinesOf(const RunWords& words) {
  if (!words.json_lines) return -1;
  const int fd = *words.json_lines;
  if (fd < 3)
    return Usage(absl::StrCat("json-lines: ", fd, " is in use for text; give 3 or above, e.g. --json-lines 3 3>FILE"));
  const int mode = fcntl(fd, F_GETFL);
  if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY)
    return Usage(absl::StrCat("json-lines: descriptor ", fd, " is not open for writing; open it in the shell, e.g. ",
                              fd, ">FILE"));
  return fd;
}

absl::Status FillRun(const RunWords& words, CommandLine* line) {
  auto cell = CellOf(words);
  if (!cell.ok()) return cell.status();
  auto limits = LimitsOf(words);
  if (!limits.ok()) return limits.status();
  const auto fd = JsonLinesOf(words);
  if (!fd.ok()) return fd.status();
  const auto soak = SoakOf(words);
  if (!soak.ok()) return soak.status();
  if (*soak > 0 && cell->mode() == v1::MODE_ORIGINAL)
    return Usage("soak: mode original knows none; leave out --soak or take another mode");
  line->cell = *std::move(cell);
  line->limits = *std::move(limits);
  line->json_lines_fd = *fd;
  line->device = words.device;
  line->seed = words.seed;
  line->soak_seconds = *soak;
  line->thermal_gate = words.thermal_gate;
  line->peak = {.given = words.peak_flops, .cache = words.probe_cache};
  return absl::OkStatus();
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
  app.footer(kExamples);
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
  run->footer(kExamples);
  run->add_flag("--json", line.json, "print the outcome as one line of JSON")->group("Output");
  for (CLI::App* verb : {info, models, probe}) verb->add_flag("--json", line.json, "print one line of JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
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
  if (!status.ok()) {
    std::fprintf(stderr, "rsg-trainer: %s\n", std::string(status.message()).c_str());
    return kExitUsage;
  }
  return line;
}

}  // namespace rsg::trainer
