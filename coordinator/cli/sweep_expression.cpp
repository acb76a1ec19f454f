#include "coordinator/cli/sweep_expression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "common/cells.hpp"
#include "common/duration.hpp"
#include "common/models.hpp"
#include "common/refusal.hpp"
#include "common/text.hpp"
#include "common/validate.hpp"
#include "common/words.hpp"
#include "coordinator/cli/number_list.hpp"

namespace rsg::cli {
namespace {

constexpr std::uint32_t kMaxListed = 256;
constexpr double kLeastTarget = 0.01;  // percent
constexpr double kMostTarget = 50;

absl::Status CheckText(std::string_view field, std::string_view text, std::size_t max_bytes) {
  if (text.empty()) return Refuse(field, "is empty", "give a text or leave it out");
  if (text.size() > max_bytes) return Refuse(field, fmt::format("longer than {} bytes", max_bytes), "shorten it");
  if (!IsUtf8(text) || Printable(text, true) != text)
    return Refuse(field, "has control characters or is no UTF-8", "write plain text");
  return absl::OkStatus();
}

// Parses each word of a comma list and adds it to a repeated field of enums; refuses a word that stands twice.
template <typename Parse, typename Add>
absl::Status EachWord(std::string_view field, std::string_view text, const std::string& known, Parse parse, Add add) {
  const auto items = SplitList(field, text);
  if (!items.ok()) return items.status();
  std::set<int> seen;
  for (const std::string_view item : *items) {
    const auto value = parse(item);
    if (!value) return RefuseWord(field, item, known);
    if (!seen.insert(*value).second)
      return Refuse(field, fmt::format("{} stands twice", Quote(item)), "name each once");
    add(*value);
  }
  return absl::OkStatus();
}

absl::Status SetModels(std::string_view text, v1::SweepSpec* spec) {
  const auto items = SplitList("models", text);
  if (!items.ok()) return items.status();
  std::set<std::string_view> seen;
  for (const std::string_view item : *items) {
    if (FindModel(item) == nullptr) return RefuseWord("models", item, ModelNames());
    if (!seen.insert(item).second)
      return Refuse("models", fmt::format("{} stands twice", Quote(item)), "name each once");
    spec->add_models(std::string(item));
  }
  return absl::OkStatus();
}

absl::Status SetBatchSizes(std::string_view text, v1::SweepSpec* spec) {
  const auto numbers = ParseNumbers(text, {.field = "bs", .min = 1, .max = kMaxBatchSize, .max_count = kMaxListed});
  if (!numbers.ok()) return numbers.status();
  spec->mutable_batch_sizes()->Add(numbers->begin(), numbers->end());
  return absl::OkStatus();
}

absl::Status SetSizes(std::string_view text, v1::SweepSpec* spec) {
  const auto numbers = ParseNumbers(text, {.field = "size", .min = 1, .max = 65536, .max_count = kMaxListed});
  if (!numbers.ok()) return numbers.status();
  spec->mutable_image_sizes()->Add(numbers->begin(), numbers->end());
  return absl::OkStatus();
}

absl::Status SetPrecisions(std::string_view text, v1::SweepSpec* spec) {
  return EachWord("precision", text, PrecisionWords(), ParsePrecision,
                  [spec](v1::Precision value) { spec->add_precisions(value); });
}

absl::Status SetMemoryFormats(std::string_view text, v1::SweepSpec* spec) {
  return EachWord("memory-format", text, MemoryFormatWords(), ParseMemoryFormat,
                  [spec](v1::MemoryFormat value) { spec->add_memory_formats(value); });
}

// A duration that the proto takes as seconds; its range is checked by Validate().
absl::StatusOr<double> Duration(std::string_view field, std::string_view text) {
  auto seconds = ParseDuration(text);
  if (!seconds.ok())
    return Refuse(field, fmt::format("{} is no duration", Quote(text)),
                  "write a number with s, m, h or d, such as 30s");
  if (*seconds <= 0) return Refuse(field, fmt::format("{} is out of range", Quote(text)), "use more than 0 seconds");
  return seconds;
}

absl::Status SetSeconds(std::string_view text, v1::SweepSpec* spec) {
  const auto seconds = Duration("seconds", text);
  if (seconds.ok()) spec->mutable_limits()->set_seconds(*seconds);
  return seconds.status();
}

absl::Status SetMaxSeconds(std::string_view text, v1::SweepSpec* spec) {
  const auto seconds = Duration("max-seconds", text);
  if (seconds.ok()) spec->mutable_limits()->set_max_seconds(*seconds);
  return seconds.status();
}

absl::Status SetOpenFor(std::string_view text, v1::SweepSpec* spec) {
  const auto seconds = Duration("open-for", text);
  if (seconds.ok()) spec->mutable_devices()->set_open_for_seconds(*seconds);
  return seconds.status();
}

absl::Status SetBatches(std::string_view text, v1::SweepSpec* spec) {
  const auto number = ParseNumber(text, {.field = "n-batches", .min = 1, .max = 1'000'000'000, .max_count = 1});
  if (number.ok()) spec->mutable_limits()->set_n_batches(*number);
  return number.status();
}

// "0.5", "0.5%" or "0.5 %", as a share.
absl::Status SetTarget(std::string_view text, v1::SweepSpec* spec) {
  std::string_view number = text;
  const auto drop = [&number](char last) {
    if (!number.empty() && number.back() == last) number.remove_suffix(1);
  };
  drop('%');
  drop(' ');
  double percent = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), percent);
  if (error != std::errc() || end != number.data() + number.size())
    return Refuse("target", fmt::format("{} is no percentage", Quote(text)), "write a number such as 0.5");
  if (!(percent >= kLeastTarget && percent <= kMostTarget))
    return Refuse("target", fmt::format("{} is out of range", Quote(text)),
                  fmt::format("use {} to {} percent", kLeastTarget, kMostTarget));
  spec->mutable_limits()->set_target_half_width(percent / 100);
  return absl::OkStatus();
}

absl::Status SetMode(std::string_view text, v1::SweepSpec* spec) {
  const auto mode = ParseMode(text);
  if (!mode) return RefuseWord("mode", text, ModeWords());
  spec->set_mode(*mode);
  return absl::OkStatus();
}

absl::Status SetControl(std::string_view text, v1::SweepSpec* spec) {
  if (text != "true" && text != "false") return RefuseWord("control", text, "true, false");
  spec->set_control(text == "true");
  return absl::OkStatus();
}

absl::Status SetMemoryLimit(std::string_view text, v1::SweepSpec* spec) {
  const auto number = ParseNumber(text, {.field = "memory-limit", .min = 1, .max = 0xffffffff, .max_count = 1});
  if (number.ok()) spec->mutable_limits()->set_memory_limit_mib(*number);
  return number.status();
}

absl::Status SetRepeats(std::string_view text, v1::SweepSpec* spec) {
  const auto number = ParseNumber(text, {.field = "repeats", .min = 1, .max = 100, .max_count = 1});
  if (number.ok()) spec->set_repeats(*number);
  return number.status();
}

absl::Status SetMachines(std::string_view text, v1::SweepSpec* spec) {
  const auto number = ParseNumber(text, {.field = "machines", .min = 1, .max = 1'000'000, .max_count = 1});
  if (number.ok()) spec->mutable_devices()->set_machines(*number);
  return number.status();
}

absl::Status SetDevice(std::string_view text, v1::SweepSpec* spec) {
  const auto kind = ParseDeviceKind(text);
  if (!kind) return RefuseWord("device", text, "gpu, cpu");
  spec->mutable_devices()->set_kind(*kind);
  return absl::OkStatus();
}

absl::Status SetGpu(std::string_view text, v1::SweepSpec* spec) {
  spec->mutable_devices()->set_gpu(std::string(text));
  return CheckText("gpu", text, 128);
}

absl::Status SetAgents(std::string_view text, v1::SweepSpec* spec) {
  const auto items = SplitList("agents", text);
  if (!items.ok()) return items.status();
  for (const std::string_view item : *items) {
    if (auto s = CheckText("agents", item, 128); !s.ok()) return s;
    spec->mutable_devices()->add_agents(std::string(item));
  }
  return absl::OkStatus();
}

absl::Status SetName(std::string_view text, v1::SweepSpec* spec) {
  spec->set_name(std::string(text));
  return CheckText("name", text, 128);
}

// Files are read by who has them.
absl::Status RefuseFile(std::string_view, v1::SweepSpec*) {
  return Refuse("script", "cannot be read here", "give it to 'rsg sweep submit' or 'rsg bench'");
}

constexpr std::array kFields{
    SweepField{"models", "LIST", "Models, by timm's names", true, SetModels},
    SweepField{"script", "FILE", "TorchScript modules to train beside or in place of models", true, RefuseFile},
    SweepField{"input-shape", "C,H,W", "Of one sample of the scripts; default: 3 and twice the image size", false,
               RefuseFile},
    SweepField{"bs", "LIST", "Batch sizes: 8,16 or 8..4096 (doubles) or 8..64+8 (steps)", true, SetBatchSizes},
    SweepField{"precision", "LIST", "fp32 (the default), fp32-strict, tf32, fp16, bf16", true, SetPrecisions},
    SweepField{"size", "LIST", "Image sizes in pixels; default: each model's own", true, SetSizes},
    SweepField{"memory-format", "LIST", "nchw (the default), nhwc", true, SetMemoryFormats},
    SweepField{"mode", "WORD", "standard (the default), original, tuned", false, SetMode},
    SweepField{"target", "PERCENT", "Measure each cell until the 95 % confidence interval is +/- this; default 0.5",
               false, SetTarget},
    SweepField{"seconds", "TIME", "Measure for this long after warm-up instead, such as 30s or 2m (s, m, h or d)",
               false, SetSeconds},
    SweepField{"n-batches", "N", "Measure this many steps instead", false, SetBatches},
    SweepField{
        "max-seconds", "TIME",
        "Hard end of warm-up and measurement together; default: 1m, 2m more than twice --seconds, 1h with --n-batches",
        false, SetMaxSeconds},
    SweepField{"memory-limit", "MIB", "Cap on the trainer's memory, so that running out of it is reproducible", false,
               SetMemoryLimit},
    SweepField{"repeats", "N", "Measure every cell N times; default 1", false, SetRepeats},
    SweepField{"device", "KIND", "gpu or cpu; default: GPUs unless there is none", false, SetDevice},
    SweepField{"gpu", "NAME", "Only GPUs whose name contains this, such as \"RTX 3090\"", false, SetGpu},
    SweepField{"agents", "LIST", "Only these agents, by name or id", true, SetAgents},
    SweepField{"machines", "N", "At most N machines for each device name; default: all", false, SetMachines},
    SweepField{"open-for", "TIME",
               "Stay open for machines that join within this time, such as 2h; default: until its jobs have ended",
               false, SetOpenFor},
    SweepField{"name", "TEXT", "A name for people", false, SetName},
    SweepField{"control", "", "", false, SetControl},
};

}  // namespace

std::span<const SweepField> AllSweepFields() { return kFields; }

std::vector<std::string> SweepFieldNames() {
  std::vector<std::string> names;
  for (const SweepField& field : kFields) names.emplace_back(field.name);
  return names;
}

SweepFields Override(SweepFields base, const SweepFields& over) {
  // What ends a measurement is one choice: naming one end displaces the other.
  constexpr std::array kEnds{"seconds", "n-batches", "target"};
  const bool ends = std::any_of(kEnds.begin(), kEnds.end(), [&over](const char* end) { return over.contains(end); });
  for (const char* end : kEnds)
    if (ends) base.erase(end);
  for (const auto& [name, text] : over) base[name] = text;
  return base;
}

absl::StatusOr<v1::SweepSpec> ParseSweep(const SweepFields& fields, std::span<const v1::Script> scripts) {
  v1::SweepSpec spec;
  spec.mutable_scripts()->Assign(scripts.begin(), scripts.end());
  for (const auto& [name, text] : fields) {
    const auto field = std::find_if(kFields.begin(), kFields.end(),
                                    [&wanted = name](const SweepField& known) { return known.name == wanted; });
    if (field == kFields.end()) return RefuseWord("sweep", name, SweepFieldNames());
    if (auto s = field->apply(text, &spec); !s.ok()) return s;
  }
  if (spec.models().empty() && spec.scripts().empty())
    return Refuse("models", "none given", "name at least one of " + ModelNames());
  if (spec.batch_sizes().empty()) return Refuse("bs", "none given", "name at least one batch size, such as 8..64");
  if (spec.limits().has_target_half_width() && (spec.limits().has_seconds() || spec.limits().has_n_batches()))
    return Refuse("target", "given together with seconds or n-batches", "give one of them");
  if (spec.limits().has_target_half_width() && spec.mode() == v1::MODE_ORIGINAL)
    return Refuse("target", "mode original ends by time or steps alone",
                  "leave it out; give seconds (default 30) or n-batches");
  if (auto s = Validate(spec); !s.ok()) return s;
  if (const std::uint64_t cells = CountCells(spec); cells > kMaxCells)
    return Refuse("sweep", fmt::format("{} cells", cells),
                  fmt::format("at most {} are taken; submit several", kMaxCells));
  return spec;
}

}  // namespace rsg::cli
