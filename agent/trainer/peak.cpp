#include "agent/trainer/peak.hpp"

#include <algorithm>
#include <memory>

#include "agent/trainer/measure/peak_search.hpp"
#include "agent/trainer/precision.hpp"
#include "agent/trainer/training/failure.hpp"
#include "agent/trainer/training/matrix_product.hpp"
#include "common/files.hpp"
#include "common/fingerprint.hpp"
#include "common/json.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

constexpr int kMostProbes = 64;

v1::ProbeList ReadCache(const std::string& cache) {
  v1::ProbeList list;
  const auto content = ReadFile(cache);
  // A file that is not ours, or of a later release, is as good as none: what is in it can be measured again.
  if (content.ok() && !FromJson(*content, &list).ok()) list.Clear();
  return list;
}

}  // namespace

v1::Probe MeasurePeak(Device& device, v1::Precision precision, const std::string& fingerprint) {
  const Numerics numerics = PeakNumericsOf(precision);
  std::unique_ptr<MatrixProduct> product;
  const auto seconds_of = [&](std::int64_t, std::uint32_t repeats) {
    const auto begin = device.MakeMark();
    for (std::uint32_t i = 0; i < repeats; ++i) product->Run();
    const auto end = device.MakeMark();
    constexpr double kLeast = 1e-9;  // a clock that stood still
    return std::max(end->SecondsSince(*begin), kLeast);
  };
  bool some = false;
  const auto first_product = [&](std::int64_t n) {
    product.reset();
    try {
      product = MakeMatrixProduct(device, numerics, n);
      seconds_of(n, 1);
      return some = true;
    } catch (...) {
      // What the smaller ones have reached counts.
      if (!some || !absl::IsResourceExhausted(StatusOfException())) throw;
      return false;
    }
  };
  const Peak peak = SearchPeak(first_product, seconds_of);
  product.reset();
  device.ReleaseUnused();
  v1::Probe probe;
  probe.set_device_name(device.identity().name);
  probe.set_precision(precision);
  probe.set_peak_flops(peak.flops);
  probe.set_size(static_cast<std::uint32_t>(peak.size));
  probe.set_fingerprint(fingerprint);
  return probe;
}

std::string ProbeFingerprint(const v1::Keys& keys, v1::Precision precision) {
  const std::string word = Word(precision);
  return Fingerprint({"probe", keys.machine(), keys.stack(), word});
}

std::optional<v1::Probe> CachedPeak(const std::string& cache, const std::string& fingerprint) {
  const v1::ProbeList list = ReadCache(cache);
  for (const v1::Probe& probe : list.probes())
    if (probe.fingerprint() == fingerprint && probe.peak_flops() > 0) return probe;
  return std::nullopt;
}

absl::Status CachePeak(const std::string& cache, const v1::Probe& probe) {
  const v1::ProbeList list = ReadCache(cache);
  v1::ProbeList kept;
  for (const v1::Probe& other : list.probes())
    if (other.fingerprint() != probe.fingerprint()) *kept.add_probes() = other;
  const int too_many = kept.probes_size() - (kMostProbes - 1);
  if (too_many > 0) kept.mutable_probes()->DeleteSubrange(0, too_many);
  *kept.add_probes() = probe;
  return WriteFile(cache, ToJson(kept) + "\n", 0644);
}

FoundPeak FindPeak(Device& device, v1::Precision precision, const std::string& fingerprint, const PeakSource& source,
                   double flops) {
  if (source.given) return {.flops = source.given, .status = absl::OkStatus()};
  const auto cached = source.cache.empty() ? std::nullopt : CachedPeak(source.cache, fingerprint);
  const double known = cached ? cached->peak_flops() : 0;
  if (known > 0 && known >= flops) return {.flops = known, .status = absl::OkStatus()};
  try {
    v1::Probe probe = MeasurePeak(device, precision, fingerprint);
    if (known >= probe.peak_flops()) return {.flops = known, .status = absl::OkStatus()};
    FoundPeak found{.flops = probe.peak_flops(), .status = absl::OkStatus()};
    if (!source.cache.empty()) found.status = CachePeak(source.cache, probe);
    return found;
  } catch (...) {
    FoundPeak found{.flops = std::nullopt, .status = StatusOfException()};
    if (known > 0) found.flops = known;
    return found;
  }
}

}  // namespace rsg::trainer
