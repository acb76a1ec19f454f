#include "agent/trainer/run.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/trainer/device/open.hpp"
#include "agent/trainer/interrupt.hpp"
#include "agent/trainer/measure/drained_share.hpp"
#include "agent/trainer/measure/health.hpp"
#include "agent/trainer/measure/loop.hpp"
#include "agent/trainer/measure/original.hpp"
#include "agent/trainer/measure/physics.hpp"
#include "agent/trainer/measure/steady.hpp"
#include "agent/trainer/measure/summary.hpp"
#include "agent/trainer/peak.hpp"
#include "agent/trainer/precision.hpp"
#include "agent/trainer/probe.hpp"
#include "agent/trainer/report/console.hpp"
#include "agent/trainer/report/event_writer.hpp"
#include "agent/trainer/report/messages.hpp"
#include "agent/trainer/telemetry/open.hpp"
#include "agent/trainer/telemetry/watch.hpp"
#include "agent/trainer/training/failure.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "common/clock.hpp"
#include "common/json.hpp"
#include "common/overrides.hpp"
#include "common/script.hpp"
#include "common/version.hpp"

namespace rsg::trainer {
namespace {

constexpr bool kCudnnBenchmark = true;  // the standard loop's, as the original's

class Run {
 public:
  explicit Run(const CommandLine& line)
      : line_(line),
        numerics_(NumericsOf(line.cell)),
        events_(line.json_lines_fd),
        console_(/*quiet=*/line.json_lines_fd >= 0, line.json),
        pacer_(line.limits, line.cell.batch_size()),
        original_(line.limits, line.cell.batch_size()) {}

  int Go() {
    absl::Status status;
    int signal = 0;
    std::optional<v1::Result> result;
    try {
      status = Train();
      signal = InterruptingSignal();  // one that comes later finds the measurement done
      // Inside, for a device that has failed in the last steps says so when it is asked for the loss.
      if (status.ok() && !summary_.empty()) result = MakeResult();
    } catch (...) {
      status = StatusOfException(device_ != nullptr && device_->RefusedMemory());
    }
    return Conclude(status, signal, result);
  }

 private:
  absl::Status Train() {
    std::string note;
    auto device = OpenDevice(line_.device, &note);
    if (!device.ok()) return device.status();
    if (!note.empty()) console_.Warn(note + "; training on the CPU");
    for (const std::string_view name : kOverrides)
      if (std::getenv(name.data()) != nullptr)
        console_.Warn(std::string(name) + " is set: it changes what a GPU measures, and no result tells; unset it");
    device_ = *std::move(device);
    if (auto s = CheckPrecision(line_.cell.precision(), device_->identity(), TorchCudaVersion()); !s.ok()) return s;
    console_.Starting(line_.cell, device_->identity().name);
    if (line_.limits.has_memory_limit_mib()) device_->LimitMemory(line_.limits.memory_limit_mib());
    step_ = MakeStep();
    if (auto s = Start(); !s.ok()) return s;
    StartWatch();
    return Measure();
  }

  void StartWatch() {
    OpenedReader opened = OpenReader(device_->identity().uuid);
    if (!opened.note.empty()) console_.Note("the GPU's state is not watched: " + opened.note);
    const WatchOptions options{.thermal_gate = line_.thermal_gate,
                               .soak_seconds = line_.soak_seconds,
                               .on_cpu = !opened.of_gpu,
                               .unread = opened.note};
    watch_ = std::make_unique<Watch>(std::move(opened.reader), options, SystemClock());
  }

  std::unique_ptr<TrainingStep> MakeStep() {
    const StepOptions options{.model = line_.cell.model(),
                              .batch_size = line_.cell.batch_size(),
                              .image_size = line_.cell.image_size(),
                              .channels_last = line_.cell.memory_format() == v1::MEMORY_FORMAT_NHWC,
                              .cudnn_benchmark = kCudnnBenchmark,
                              .numerics = numerics_,
                              .seed = line_.seed,
                              .script = line_.script_file,
                              .sample_shape = ScriptSampleShape(line_.cell.script(), line_.cell.image_size())};
    switch (line_.cell.mode()) {
      case v1::MODE_ORIGINAL:
        return MakeOriginalStep(*device_, options);
      case v1::MODE_TUNED:
        return MakeTunedStep(*device_, options);
      default:
        return MakeStandardStep(*device_, options);
    }
  }

  absl::Status Start() {
    started_.set_protocol_version(kProtocolVersion);
    *started_.mutable_cell() = line_.cell;
    *started_.mutable_stack() = MakeStack(device_->CudnnVersion());
    started_.set_device_name(device_->identity().name);
    v1::TrainerEvent event;
    *event.mutable_started() = started_;
    return events_.Write(event);
  }

  absl::Status Measure() {
    LoopParts parts{*step_, *device_, pacer_, SystemClock(), InterruptingSignal()};
    const auto keep_warming = [this] { return watch_->KeepWarming(); };
    parts.keep_warming = keep_warming;
    parts.keep_soaking = [this] { return !summary_.empty() && watch_->KeepSoaking(); };
    const OriginalParts original{*step_, original_, SystemClock(), InterruptingSignal(), keep_warming};
    const WindowSink sink = [&](const v1::Window& ended) {
      v1::TrainerEvent event;
      *event.mutable_window() = ended;
      Take(event.mutable_window());
      return events_.Write(event);
    };
    const std::uint32_t batch_size = line_.cell.batch_size();
    const absl::Status status =
        ByOriginal() ? RunOriginal(original, batch_size, sink) : RunWindows(parts, batch_size, sink);
    watch_->RememberWarmth();
    if (!watch_->GateStatus().ok()) console_.Note("thermal-gate: " + std::string(watch_->GateStatus().message()));
    stop_reason_ = ByOriginal() ? original_.stop_reason() : pacer_.stop_reason();
    if (InterruptingSignal() != 0) stop_reason_ = v1::STOP_REASON_SIGNAL;
    if (status.ok() && summary_.empty() && stop_reason_ != v1::STOP_REASON_SIGNAL)
      return absl::DeadlineExceededError("max-seconds: it was over before one step could be measured; give more time");
    return status;
  }

  void Take(v1::Window* window) {
    const Watch::Phase phase = watch_->Observe(window);
    if (phase == Watch::Phase::kSoaking) return console_.Soaking(*window, watch_->SoakShare());
    summary_.Add(*window);
    drained_share_.Add(*window);
    if (!window->warm_up()) series_.Add(window->steps(), window->seconds());
    const double end_seconds = window->start_seconds() + window->seconds();
    if (phase == Watch::Phase::kWarming) {
      warmed_until_ = end_seconds;
      return console_.Warming(*window);
    }
    // Whether the series is steady is judged once, at the end.
    if (v1::Result so_far = Measured(); !summary_.empty()) {
      watch_->Fill(&so_far, /*steady=*/true, "");
      console_.SetVerdict(so_far.verdict());
    }
    console_.Progress(*window,
                      {.throughput = summary_.Throughput(),
                       .half_width = RelativeHalfWidth(series_),
                       .progress = ByOriginal() ? original_.Progress() : pacer_.Progress(end_seconds - warmed_until_)});
  }

  bool ByOriginal() const { return line_.cell.mode() == v1::MODE_ORIGINAL; }

  v1::Result Measured() const {
    v1::Result result;
    summary_.Fill(&result);
    drained_share_.Fill(&result);
    return result;
  }

  v1::Result MakeResult() {
    v1::Result result = Measured();
    FillInterval(series_, &result);
    const Stability stability = JudgeStability(series_.values());
    watch_->Fill(&result, stability.steady, stability.evidence);
    result.set_stop_reason(stop_reason_);
    *result.mutable_flags() = MakeFlags(*device_, numerics_, kCudnnBenchmark, step_->Facts());
    *result.mutable_stack() = started_.stack();
    FillHealth(step_->Loss(), step_->Skipped(), &result);
    result.set_peak_memory_mib(device_->PeakMemoryMib());
    result.set_parameters(static_cast<std::uint32_t>(step_->ParameterCount()));
    *result.mutable_keys() = MakeKeys(line_.cell, result.flags(), result.stack(), IdentifyMachine(*device_));
    *result.mutable_physics() = MeasurePhysics(result);
    return result;
  }

  /// Last of all, for a probe needs the step's memory.
  v1::Physics MeasurePhysics(const v1::Result& result) {
    const double flop = step_->FlopPerSample();
    const v1::Precision precision = line_.cell.precision();
    FoundPeak peak;
    if (stop_reason_ != v1::STOP_REASON_SIGNAL) {
      step_.reset();
      device_->ReleaseUnused();
      peak = FindPeak(*device_, precision, ProbeFingerprint(result.keys(), precision), line_.peak,
                      flop * result.throughput());
    }
    if (!peak.status.ok()) console_.Warn("the probe of matrix products: " + std::string(peak.status.message()));
    return MakePhysics(flop, result.throughput(), peak.flops, MayUseWinograd(precision, device_->identity()));
  }

  /// Says how it ended, to people and on --json-lines, and returns the exit code.
  int Conclude(const absl::Status& status, int signal, const std::optional<v1::Result>& result) {
    v1::TrainerFinished finished;
    int code = kExitDone;
    if (!status.ok()) {
      code = Describe(status, &finished);
    } else if (signal != 0) {
      finished.set_outcome(v1::OUTCOME_CANCELLED);
      finished.set_error("interrupted by signal " + std::to_string(signal));
      code = 128 + signal;
    } else {
      finished.set_outcome(v1::OUTCOME_COMPLETED);
    }
    if (result) {
      console_.Finished(started_, *result, HasTf32(device_->identity()));
      if (signal == 0) *finished.mutable_result() = *result;
    }
    if (!finished.error().empty()) console_.Warn(finished.error());
    if (line_.json) std::printf("%s\n", ToJson(finished).c_str());
    v1::TrainerEvent event;
    *event.mutable_finished() = finished;
    if (const auto written = events_.Write(event); !written.ok() && status.ok()) {
      console_.Warn(std::string(written.message()));
      return kExitFailed;
    }
    return code;
  }

  static int Describe(const absl::Status& status, v1::TrainerFinished* finished) {
    finished->set_error(std::string(status.message()));
    const int code = ExitCodeOf(status);
    finished->set_outcome(code == kExitOutOfMemory   ? v1::OUTCOME_OUT_OF_MEMORY
                          : code == kExitUnsupported ? v1::OUTCOME_UNSUPPORTED
                                                     : v1::OUTCOME_FAILED);
    return code;
  }

  const CommandLine& line_;
  const Numerics numerics_;
  EventWriter events_;
  Console console_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<TrainingStep> step_;  // after the device, which it works on
  std::unique_ptr<Watch> watch_;
  v1::TrainerStarted started_;
  Pacer pacer_;
  OriginalClock original_;  // in its place in mode `original`
  Series series_;           // of what was measured
  Summary summary_;
  DrainedShare drained_share_;
  double warmed_until_ = 0;  // the pacer's limit begins here, on the windows' clock
  v1::StopReason stop_reason_ = v1::STOP_REASON_UNSPECIFIED;
};

}  // namespace

int RunTraining(const CommandLine& line) {
  CatchSignals();
  return Run(line).Go();
}

}  // namespace rsg::trainer
