#include "agent/trainer/telemetry/monitor.hpp"

#include <utility>

namespace rsg::trainer {

Monitor::Monitor(std::unique_ptr<Reader> reader, const Clock& clock, double period_seconds)
    : clock_(clock), limits_(reader->Limits()), sampler_(std::move(reader), clock, period_seconds) {}

void Monitor::Observe(v1::Window* window) {
  const double end = clock_.Monotonic();
  TakeReadings();
  const v1::Telemetry telemetry = readings_.Take(end - window->wall_seconds(), end);
  if (!window->warm_up()) measured_.Add(telemetry, window->wall_seconds());
  if (telemetry.readings() > 0) *window->mutable_telemetry() = telemetry;
}

void Monitor::Fill(v1::Result* result) const {
  if (const v1::Telemetry total = measured_.Total(); total.readings() > 0) *result->mutable_telemetry() = total;
  if (limits_.ByteSizeLong() > 0) *result->mutable_device_limits() = limits_;
}

std::optional<Monitor::Temperature> Monitor::NewestTemperature() {
  TakeReadings();
  return temperature_;
}

void Monitor::TakeReadings() {
  for (const Reading& reading : sampler_.Take()) {
    readings_.Add(reading);
    if (reading.temperature_celsius) temperature_ = {reading.time, *reading.temperature_celsius};
  }
}

}  // namespace rsg::trainer
