#include "agent/trainer/command_line_run.hpp"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arguments.hpp"
#include "common/digest.hpp"
#include "common/duration.hpp"
#include "common/models.hpp"
#include "common/percent.hpp"
#include "common/refusal.hpp"
#include "common/script.hpp"
#include "common/validate.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

constexpr double kDefaultTarget = 0.005;
constexpr double kTargetMaxSeconds = 60;
constexpr double kMostSeconds = 86400;

absl::Status Usage(const std::string& text) { return absl::InvalidArgumentError(text); }

absl::StatusOr<v1::MemoryFormat> FormatOf(const RunWords& words, v1::Mode mode, bool images) {
  if (words.memory_format.empty())
    return mode == v1::MODE_TUNED && images ? v1::MEMORY_FORMAT_NHWC : v1::MEMORY_FORMAT_NCHW;
  if (const auto format = ParseMemoryFormat(words.memory_format)) return *format;
  return RefuseWord("memory-format", words.memory_format, MemoryFormatWords());
}

absl::Status CheckWhatIsAsked(const RunWords& words) {
  if (words.model.empty() == words.script.empty())
    return Usage(words.model.empty() ? "model: none named; give --model NAME, or --script FILE"
                                     : "model: given together with --script; give one of them");
  if (!words.script.empty()) {
    if (words.image_size && !words.input_shape.empty())
      return Usage("input-shape: given together with --size; give one of them");
    return absl::OkStatus();
  }
  if (!words.name.empty()) return Usage("name: names a script, and there is none; leave it out");
  if (!words.input_shape.empty()) return Usage("input-shape: of a script, and there is none; use --size");
  return absl::OkStatus();
}

absl::StatusOr<v1::Script> ScriptOf(const RunWords& words) {
  const auto digest = Sha256File(words.script, kMaxScriptBytes);
  if (!digest.ok()) return Usage(absl::StrCat("script: ", digest.status().message(), "; name a file that can be read"));
  if (digest->bytes == 0) return Usage(absl::StrCat("script: ", words.script, " is empty; export the module anew"));
  v1::Script script;
  script.set_name(words.name.empty() ? ScriptNameOf(std::filesystem::path(words.script).stem().string()) : words.name);
  script.set_sha256(digest->sha256);
  script.set_bytes(static_cast<std::uint32_t>(digest->bytes));
  if (words.input_shape.empty()) return script;
  const auto shape = ParseSampleShape(words.input_shape);
  if (!shape.ok()) return Usage(absl::StrCat("input-shape: ", shape.status().message()));
  script.mutable_sample_shape()->Assign(shape->begin(), shape->end());
  return script;
}

absl::Status NameWhatIsTrained(const RunWords& words, v1::Cell* cell) {
  if (auto status = CheckWhatIsAsked(words); !status.ok()) return status;
  if (words.script.empty()) {
    const ModelEntry* model = FindModel(words.model);
    if (model == nullptr && !IsScriptModel(words.model)) return RefuseWord("model", words.model, ModelNames());
    cell->set_model(words.model);
    cell->set_image_size(words.image_size.value_or(model != nullptr ? model->default_image_size : 0));
    return absl::OkStatus();
  }
  auto script = ScriptOf(words);
  if (!script.ok()) return script.status();
  cell->set_model(ScriptModel(*script));
  cell->set_image_size(words.image_size ? *words.image_size : DefaultImageSize(*script));
  *cell->mutable_script() = *std::move(script);
  return absl::OkStatus();
}

absl::StatusOr<v1::Cell> CellOf(const RunWords& words) {
  const auto precision = PrecisionOf(words);
  if (!precision.ok()) return precision.status();
  const auto mode = ParseMode(words.mode);
  if (!mode) return RefuseWord("mode", words.mode, ModeWords());
  v1::Cell cell;
  if (auto status = NameWhatIsTrained(words, &cell); !status.ok()) return status;
  const auto format = FormatOf(words, *mode, TakesImages(cell.script()));
  if (!format.ok()) return format.status();
  cell.set_batch_size(words.batch_size);
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

}  // namespace

void AddRunOptions(CLI::App* run, RunWords* words) {
  run->add_option("--model", words->model, "what to train: " + ModelNames())->group("What");
  run->add_option(
         "--script", words->script,
         "file of a TorchScript module to train in its place: logits [B, K] of a batch [B, 3, size, size] or of "
         "--input-shape")
      ->group("What");
  run->add_option("--name", words->name, "what to call the script (default: its file's name without the ending)")
      ->group("What");
  run->add_option("--bs,--batch-size", words->batch_size, "samples a step, 1 to 65536")->required()->group("What");
  run->add_option("--size", words->image_size,
                  "image height and width in pixels (default: the model's; of a script 224)")
      ->group("What");
  run->add_option("--input-shape", words->input_shape,
                  "of one sample of the script, 1 to 4 numbers without the batch, e.g. 3,224,192; in place of --size")
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
  run->add_option("--seconds,--n_seconds", words->seconds,
                  "measure this long after warm-up, e.g. 30s or 2m (a number with s, m, h or d; alone: seconds)")
      ->group("How long");
  run->add_option("--n_batches,--n-batches", words->n_batches, "measure this many steps after warm-up")
      ->group("How long");
  run->add_option(
         "--max-seconds", words->max_seconds,
         "end warm-up and measurement together after this long, e.g. 5m (default: 1m with --target, 10m and twice the "
         "time with --seconds, else 1d)")
      ->group("How long");
  run->add_option("--soak", words->soak,
                  "train on this long after the measurement, e.g. 10m, and report what is sustained in its second half "
                  "(default: not at all)")
      ->group("How long");
  run->add_option("--thermal-gate", words->thermal_gate,
                  "before measuring, train until the GPU's temperature has settled, for 3 minutes at most, or has come "
                  "near the one that this file of that GPU remembers (not part of --max-seconds; nothing happens "
                  "without a thermometer)")
      ->group("How long");
  run->add_option("--peak-flops", words->peak_flops,
                  "what the device reaches in matrix products of this precision, in FLOP/s, to compare with (default: "
                  "a probe of about a second after the measurement)")
      ->check(Within(1.0, 1e24))
      ->group("Output");
  run->add_option("--probe-cache", words->probe_cache, "file that remembers such probes from run to run")
      ->group("Output");
  run->add_option("--json-lines", words->json_lines,
                  "write events as lines of JSON to this open descriptor, 3 or above")
      ->group("Output");
}

absl::StatusOr<v1::Precision> PrecisionOf(const RunWords& words) {
  if (words.precision.empty()) return words.fp16 ? v1::PRECISION_FP16 : v1::PRECISION_FP32;
  const auto precision = ParsePrecision(words.precision);
  if (!precision) return RefuseWord("precision", words.precision, PrecisionWords());
  if (words.fp16 && *precision != v1::PRECISION_FP16)
    return Usage(absl::StrCat("precision: ", words.precision, " together with --fp16; give one of them"));
  return *precision;
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
  if (!words.target.empty() && cell->mode() == v1::MODE_ORIGINAL)
    return Usage(
        "target: mode original ends by time or steps alone; leave out --target, give --seconds (default 30) or "
        "--n_batches");
  if (*soak > 0 && cell->mode() == v1::MODE_ORIGINAL)
    return Usage("soak: mode original knows none; leave out --soak or take another mode");
  line->cell = *std::move(cell);
  line->script_file = words.script;
  line->limits = *std::move(limits);
  line->json_lines_fd = *fd;
  line->device = words.device;
  line->seed = words.seed;
  line->soak_seconds = *soak;
  line->thermal_gate = words.thermal_gate;
  line->peak = {.given = words.peak_flops, .cache = words.probe_cache};
  return absl::OkStatus();
}

}  // namespace rsg::trainer
