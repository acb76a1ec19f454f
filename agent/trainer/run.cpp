#include "agent/trainer/run.hpp"

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/trainer/device/open.hpp"
#include "agent/trainer/interrupt.hpp"
#include "agent/trainer/measure/drained_share.hpp"
#include "agent/trainer/measure/loop.hpp"
#include "agent/trainer/measure/original.hpp"
#include "agent/trainer/measure/physics.hpp"
#include "agent/trainer/measure/summary.hpp"
#include "agent/trainer/peak.hpp"
#include "agent/trainer/precision.hpp"
#include "agent/trainer/probe.hpp"
#include "agent/trainer/report/console.hpp"
#include "agent/trainer/report/event_writer.hpp"
#include "agent/trainer/report/messages.hpp"
#include "agent/trainer/training/failure.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "common/clock.hpp"
#include "common/json.hpp"
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
        console_(/*quiet=*/line.json_lines_fd >= 0, line.json) {}

  int Go() {
    absl::Status status;
    try {
      status = Train();
    } catch (...) {
      status = StatusOfException();
    }
    return Conclude(status);
  }

 private:
  absl::Status Train() {
    auto device = OpenDevice(line_.device);
    if (!device.ok()) return device.status();
    device_ = *std::move(device);
    if (auto s = CheckPrecision(line_.cell.precision(), device_->identity(), TorchCudaVersion()); !s.ok()) return s;
    console_.Starting(line_.cell, device_->identity().name);
    if (line_.limits.has_memory_limit_mib()) device_->LimitMemory(line_.limits.memory_limit_mib());
    step_ = MakeStep();
    if (auto s = Start(); !s.ok()) return s;
    return Measure();
  }

  std::unique_ptr<TrainingStep> MakeStep() {
    const StepOptions options{.model = line_.cell.model(),
                              .batch_size = line_.cell.batch_size(),
                              .image_size = line_.cell.image_size(),
                              .channels_last = line_.cell.memory_format() == v1::MEMORY_FORMAT_NHWC,
                              .cudnn_benchmark = kCudnnBenchmark,
                              .numerics = numerics_,
                              .seed = line_.seed};
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
    Pacer pacer(line_.limits, line_.cell.batch_size());
    OriginalClock original(line_.limits, line_.cell.batch_size());
    const bool by_original = line_.cell.mode() == v1::MODE_ORIGINAL;
    const WindowSink sink = [&](const v1::Window& window) {
      summary_.Add(window);
      drained_share_.Add(window);
      const double elapsed = window.start_seconds() + window.seconds();
      console_.Progress(window, summary_.Throughput(), by_original ? original.Progress() : pacer.Progress(elapsed));
      v1::TrainerEvent event;
      *event.mutable_window() = window;
      return events_.Write(event);
    };
    absl::Status status;
    if (by_original) {
      const OriginalParts parts{*step_, original, SystemClock(), InterruptingSignal()};
      status = RunOriginal(parts, line_.cell.batch_size(), sink);
    } else {
      const LoopParts parts{*step_, *device_, pacer, SystemClock(), InterruptingSignal()};
      status = RunWindows(parts, line_.cell.batch_size(), sink);
    }
    stop_reason_ = by_original ? original.stop_reason() : pacer.stop_reason();
    if (InterruptingSignal() != 0) stop_reason_ = v1::STOP_REASON_SIGNAL;
    if (status.ok() && summary_.empty() && stop_reason_ != v1::STOP_REASON_SIGNAL)
      return absl::DeadlineExceededError("max-seconds: it was over before one step could be measured; give more time");
    return status;
  }

  v1::Result MakeResult() {
    v1::Result result;
    summary_.Fill(&result);
    drained_share_.Fill(&result);
    result.set_stop_reason(stop_reason_);
    *result.mutable_flags() = MakeFlags(*device_, numerics_, kCudnnBenchmark, step_->Facts());
    *result.mutable_stack() = started_.stack();
    const double loss = step_->Loss();
    if (std::isfinite(loss)) result.set_final_loss(loss);
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
    if (!peak.status.ok()) console_.Failed("the probe of matrix products: " + std::string(peak.status.message()));
    return MakePhysics(flop, result.throughput(), peak.flops, MayUseWinograd(precision, device_->identity()));
  }

  /// Says how it ended, to people and on --json-lines, and returns the exit code.
  int Conclude(const absl::Status& status) {
    const int signal = InterruptingSignal();
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
    if (status.ok() && !summary_.empty()) {
      const v1::Result result = MakeResult();
      console_.Finished(started_, result);
      if (signal == 0) *finished.mutable_result() = result;
    }
    if (!finished.error().empty()) console_.Failed(finished.error());
    if (line_.json) std::printf("%s\n", ToJson(finished).c_str());
    v1::TrainerEvent event;
    *event.mutable_finished() = finished;
    if (const auto written = events_.Write(event); !written.ok() && status.ok()) {
      console_.Failed(std::string(written.message()));
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
  v1::TrainerStarted started_;
  Summary summary_;
  DrainedShare drained_share_;
  v1::StopReason stop_reason_ = v1::STOP_REASON_UNSPECIFIED;
};

}  // namespace

int RunTraining(const CommandLine& line) {
  CatchSignals();
  return Run(line).Go();
}

}  // namespace rsg::trainer
