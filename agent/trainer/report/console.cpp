#include "agent/trainer/report/console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>
#include <vector>

#include "agent/trainer/report/state_text.hpp"
#include "common/percent.hpp"
#include "common/script.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

constexpr double kPlainLineSeconds = 5;

// fmt::print throws where nobody reads any more; a report that is lost must not end the run.
void Say(std::FILE* stream, const std::string& text) {
  std::fputs(text.c_str(), stream);
  std::fflush(stream);
}

// "resnet50, batch 64, 224 px"; "script:mlp (1a2b3c4d), batch 64, samples of 10".
std::string WhatText(const v1::Cell& cell) {
  const auto& shape = cell.script().sample_shape();
  const std::string size = shape.empty() ? fmt::format("{} px", cell.image_size())
                                         : "samples of " + SampleShapeText({shape.begin(), shape.end()});
  return fmt::format("{}, batch {}, {}", DescribeModel(cell), cell.batch_size(), size);
}

// The TF32 that PyTorch's default hides in convolutions is said, for "fp32" alone would mislead.
std::string PrecisionText(const v1::Cell& cell, const v1::Flags& flags, bool has_tf32) {
  const bool hidden = cell.precision() == v1::PRECISION_FP32 && flags.cudnn_allow_tf32() && has_tf32;
  return Word(cell.precision()) + (hidden ? " (TF32 conv)" : "");
}

std::string StackText(const v1::Stack& stack) {
  std::string text = "LibTorch " + stack.torch_version();
  if (!stack.cudnn_version().empty())
    text += fmt::format(", CUDA {}, cuDNN {}", stack.cuda_version(), stack.cudnn_version());
  return text;
}

// "1234.57 samples/s ± 0.41 % (95 %: 1229.53 to 1239.65), median 1235.01, windows vary by 1.23 %"
std::string ThroughputText(const v1::Result& result) {
  std::string text = fmt::format("{:.2f} samples/s", result.throughput());
  if (result.has_ci_low())
    text += fmt::format(" ± {:.2f} % (95 %: {:.2f} to {:.2f})",
                        100 * HalfWidth(result.throughput(), result.ci_low(), result.ci_high()), result.ci_low(),
                        result.ci_high());
  if (result.windows() > 1)
    text += fmt::format(", median {:.2f}, windows vary by {:.2f} %", result.median(), 100 * result.window_cv());
  return text;
}

// "1.23 TFLOP/s, 45 % of the 2.73 TFLOP/s of matrix products".
std::string ComputeText(const v1::Physics& physics) {
  std::string text = fmt::format("{:.3g} TFLOP/s", physics.flops() / 1e12);
  if (physics.has_share_of_peak())
    text += fmt::format(", {:.0f} % of the {:.3g} TFLOP/s of matrix products", 100 * physics.share_of_peak(),
                        physics.peak_flops() / 1e12);
  if (!physics.note().empty()) text += " (" + physics.note() + ")";
  return text;
}

std::string ModeText(const v1::Cell& cell, const v1::Flags& flags) {
  std::string text = Word(cell.mode()) + ", " + flags.optimizer();
  if (!flags.attention().empty()) text += ", " + flags.attention() + " attention";
  if (flags.cuda_graph()) text += ", CUDA graph";
  if (!flags.note().empty()) text += ", " + flags.note();
  return text;
}

std::string StopText(v1::StopReason reason) {
  switch (reason) {
    case v1::STOP_REASON_PRECISION:
      return " (until it was known well enough)";
    case v1::STOP_REASON_LIMIT:
      return " (ended by the limit)";
    case v1::STOP_REASON_SIGNAL:
      return " (interrupted)";
    default:
      return "";
  }
}

}  // namespace

std::string Describe(const v1::Cell& cell) {
  const bool usual = cell.mode() == v1::MODE_STANDARD || cell.mode() == v1::MODE_UNSPECIFIED;
  const std::string mode = usual ? "" : ", " + Word(cell.mode());
  return fmt::format("{}, {}, {}{}", WhatText(cell), Word(cell.precision()), Word(cell.memory_format()), mode);
}

std::string Summarise(const v1::TrainerStarted& started, const v1::Result& result, bool has_tf32) {
  const v1::Cell& cell = started.cell();
  std::vector<std::pair<const char*, std::string>> rows{
      {"model", fmt::format("{}, {:.1f} M parameters", WhatText(cell), result.parameters() / 1e6)},
      {"device", fmt::format("{}, {} host threads", started.device_name(), result.flags().threads())},
      {"stack", StackText(started.stack())},
      {"precision", PrecisionText(cell, result.flags(), has_tf32)},
      {"mode", ModeText(cell, result.flags())},
      {"memory format", Word(cell.memory_format())},
      {"measured", fmt::format("{} steps, {} samples in {:.2f} s, {} windows{}", result.steps(), result.samples(),
                               result.seconds(), result.windows(), StopText(result.stop_reason()))},
      {"warm-up", fmt::format("{:.2f} s", result.warm_up_seconds())},
      {"compute", ComputeText(result.physics())},
      {"loss", result.has_final_loss() ? fmt::format("{:.4f}", result.final_loss()) : "not finite"},
      {"peak memory", fmt::format("{} MiB", result.peak_memory_mib())},
      {"throughput", ThroughputText(result)},
  };
  for (auto& row : StateRows(result)) rows.push_back(std::move(row));
  std::string text;
  for (const auto& [name, value] : rows) text += fmt::format("{:<15}{}\n", name, value);
  return text;
}

std::string ProgressLine(const v1::Window& window, const Figures& figures) {
  const double now = window.samples() / window.seconds();
  const double milliseconds = 1000 * window.seconds() / window.steps();
  if (window.warm_up()) return fmt::format("warm-up   {:.1f} samples/s, {:.1f} ms a step", now, milliseconds);
  const std::string known = figures.half_width > 0 ? fmt::format(" ± {:.2f} %", 100 * figures.half_width) : "";
  return fmt::format("{:3.0f} %   {:.1f} samples/s{}, now {:.1f}, {:.1f} ms a step", 100 * figures.progress,
                     figures.throughput, known, now, milliseconds);
}

Console::Console(bool quiet, bool json) : terminal_(isatty(STDERR_FILENO) != 0), quiet_(quiet), json_(json) {}

void Console::Starting(const v1::Cell& cell, const std::string& device) {
  Say(stderr, fmt::format("{} on {}\n", Describe(cell), device));
}

void Console::Progress(const v1::Window& window, const Figures& figures) {
  Show(window, ProgressLine(window, figures) + VerdictSoFar(verdict_));
}

void Console::Warming(const v1::Window& window) { Show(window, WarmingLine(window)); }

void Console::Soaking(const v1::Window& window, double share) { Show(window, SoakLine(window, share)); }

void Console::Note(const std::string& text) {
  if (!quiet_) Warn(text);
}

void Console::Warn(const std::string& text) {
  ClearLine();
  Say(stderr, "rsg-trainer: " + text + "\n");
}

void Console::Show(const v1::Window& window, const std::string& line) {
  if (terminal_) {
    Say(stderr, "\r\x1b[K" + line);
    line_shown_ = true;
    return;
  }
  const double now = window.start_seconds() + window.seconds();
  if (quiet_ || now - last_line_at_ < kPlainLineSeconds) return;
  last_line_at_ = now;
  Say(stderr, line + "\n");
}

void Console::Finished(const v1::TrainerStarted& started, const v1::Result& result, bool has_tf32) {
  ClearLine();
  if (!json_) Say(stdout, Summarise(started, result, has_tf32));
}

void Console::ClearLine() {
  if (std::exchange(line_shown_, false)) Say(stderr, "\r\x1b[K");
}

}  // namespace rsg::trainer
