#include "agent/trainer/probe.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "agent/trainer/device/cuda/driver_version.hpp"
#include "agent/trainer/device/open.hpp"
#include "agent/trainer/precision.hpp"
#include "agent/trainer/report/messages.hpp"
#include "agent/trainer/training/failure.hpp"
#include "common/json.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

absl::StatusOr<v1::ProbeList> Measure(const CommandLine& line) {
  std::string note;
  auto opened = OpenDevice(line.device, &note);
  if (!opened.ok()) return opened.status();
  if (!note.empty()) std::fprintf(stderr, "rsg-trainer: %s; probing the CPU\n", note.c_str());
  Device& device = **opened;
  std::vector<v1::Precision> precisions = PrecisionsOf(device.identity(), TorchCudaVersion());
  if (line.probe_precision) precisions = {*line.probe_precision};
  v1::Flags flags;
  flags.set_threads(device.HostThreads());
  const v1::Keys keys = MakeKeys({}, flags, MakeStack(device.CudnnVersion()), IdentifyMachine(device));
  v1::ProbeList list;
  for (const v1::Precision precision : precisions) {
    if (auto s = CheckPrecision(precision, device.identity(), TorchCudaVersion()); !s.ok()) return s;
    *list.add_probes() = MeasurePeak(device, precision, ProbeFingerprint(keys, precision));
  }
  return list;
}

absl::StatusOr<v1::ProbeList> MeasureSafely(const CommandLine& line) {
  try {
    return Measure(line);
  } catch (...) {
    return StatusOfException();
  }
}

}  // namespace

MachineIdentity IdentifyMachine(const Device& device) {
  const DeviceIdentity& identity = device.identity();
  return {.host = HostName("/"),
          .driver_version = DriverVersion(),
          .gpu_uuid = identity.uuid,
          .cpu_name = device.is_gpu() ? "" : identity.name};
}

int ShowPeaks(const CommandLine& line) {
  const auto list = MeasureSafely(line);
  if (!list.ok()) {
    std::fprintf(stderr, "rsg-trainer: %s\n", std::string(list.status().message()).c_str());
    return ExitCodeOf(list.status());
  }
  std::string text = fmt::format("{:<14}{:>10}   {}\n", "PRECISION", "TFLOP/S", "MATRICES");
  for (const v1::Probe& probe : list->probes())
    text += fmt::format("{:<14}{:>10.3f}   {} x {}\n", Word(probe.precision()), probe.peak_flops() / 1e12, probe.size(),
                        probe.size());
  if (line.json) text = ToJson(*list) + "\n";
  std::fputs(text.c_str(), stdout);
  return kExitDone;
}

}  // namespace rsg::trainer
