#include "agent/trainer/telemetry/watch.hpp"

#include <algorithm>
#include <utility>

namespace rsg::trainer {
namespace {

constexpr std::size_t kMostReason = 256;  // of a result's evidence, which may have 1 KiB

}  // namespace

Watch::Watch(std::unique_ptr<Reader> reader, const WatchOptions& options, const Clock& clock)
    : soak_seconds_(options.soak_seconds),
      on_cpu_(options.on_cpu),
      unread_(options.unread.substr(0, kMostReason)),
      monitor_(std::move(reader), clock, options.reading_period),
      soak_(options.soak_seconds) {
  if (!options.thermal_gate.empty()) warming_.emplace(options.thermal_gate, &monitor_, clock);
}

bool Watch::KeepWarming() {
  const bool keep_on = warming_ && warming_->KeepOn();
  phase_ = keep_on ? Phase::kWarming : Phase::kMeasuring;
  return keep_on;
}

bool Watch::KeepSoaking() {
  phase_ = Phase::kSoaking;
  return soak_.KeepOn();
}

Watch::Phase Watch::Observe(v1::Window* window) {
  monitor_.Observe(window);
  if (phase_ == Phase::kSoaking) {
    soak_.Add(*window);
    soaked_.Add(window->telemetry(), window->wall_seconds());
  }
  return phase_;
}

void Watch::RememberWarmth() {
  if (warming_) warming_->RememberWarmth();
}

double Watch::SoakShare() const { return soak_seconds_ > 0 ? std::min(soak_.seconds() / soak_seconds_, 1.0) : 0; }

void Watch::Fill(v1::Result* result, bool steady, const std::string& unsteadiness) const {
  monitor_.Fill(result);
  Judgement judgement = Judge(*result, {.on_cpu = on_cpu_, .steady = steady, .unsteadiness = unsteadiness});
  if (!unread_.empty()) judgement.evidence += "; the GPU's state was not read: " + unread_;
  result->set_verdict(judgement.verdict);
  result->set_evidence(judgement.evidence);
  const auto sustained = soak_.Sustained();
  if (!sustained) return;
  result->set_sustained_throughput(*sustained);
  result->set_soak_seconds(soak_.seconds());
  // The verdict is the measurement's; what a soak brings to light stands beside it.
  v1::Result soaked;
  *soaked.mutable_telemetry() = soaked_.Total();
  *soaked.mutable_device_limits() = result->device_limits();
  if (const std::string later = Throttling(soaked); !later.empty())
    result->set_evidence(judgement.evidence + "; in the soak " + later);
}

}  // namespace rsg::trainer
