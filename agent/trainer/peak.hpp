// What a device reaches in matrix products, measured, given or remembered.
#pragma once
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/trainer/device/device.hpp"
#include "rsg/v1/trainer.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// Measures it in about a second and gives the memory back. The device must have the precision. What LibTorch throws
/// passes through. `fingerprint` is copied into the answer.
v1::Probe MeasurePeak(Device& device, v1::Precision precision, const std::string& fingerprint);

/// 16 hex digits: of the two keys and the precision.
std::string ProbeFingerprint(const v1::Keys& keys, v1::Precision precision);

/// The probe with this fingerprint in the file `cache`; nothing when there is none, or no such file.
std::optional<v1::Probe> CachedPeak(const std::string& cache, const std::string& fingerprint);

/// Adds the probe to the file, in the place of one with its fingerprint; at most 64 are kept, the newest. The file
/// appears whole or not at all; of two writers at once the last one wins, and the other's probe is measured again one
/// day. Errors are those of WriteFile.
absl::Status CachePeak(const std::string& cache, const v1::Probe& probe);

/// How a run comes by its peak.
struct PeakSource {
  std::optional<double> given{};  ///< floating point operations a second; then nothing is measured
  std::string cache{};            ///< a file; empty: nothing is remembered
};

/// The peak of `device` in `precision`, in floating point operations a second: as given, else as cached, else measured
/// now and cached. A cached one that `flops`, what the run reached, exceeds is measured again, and the higher one is
/// kept: a probe may have met a busy machine. UNAVAILABLE: the cache cannot be written; other codes: StatusOfException.
struct FoundPeak {
  std::optional<double> flops;
  absl::Status status;  ///< why it is absent, or why it is not remembered
};
FoundPeak FindPeak(Device& device, v1::Precision precision, const std::string& fingerprint, const PeakSource& source,
                   double flops);

}  // namespace rsg::trainer
