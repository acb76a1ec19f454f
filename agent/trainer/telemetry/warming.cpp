#include "agent/trainer/telemetry/warming.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "common/files.hpp"

namespace rsg::trainer {

std::optional<double> ReadSettledTemperature(const std::string& path) {
  constexpr std::size_t kMostBytes = 64;
  constexpr double kHottest = 150;
  const auto text = ReadFile(path, kMostBytes);
  if (!text.ok()) return std::nullopt;
  double celsius = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), celsius);
  if (error != std::errc() || !(celsius >= 0 && celsius <= kHottest)) return std::nullopt;
  return celsius;
}

absl::Status WriteSettledTemperature(const std::string& path, double celsius) {
  return WriteFile(path, fmt::format("{:.1f}\n", celsius));
}

Warming::Warming(std::string file, Monitor* monitor, const Clock& clock)
    : file_(std::move(file)),
      monitor_(monitor),
      clock_(clock),
      remembered_(ReadSettledTemperature(file_)),
      gate_(clock.Monotonic(), remembered_) {}

bool Warming::KeepOn() {
  if (state_ != ThermalGate::State::kWarming) return false;
  if (const auto newest = monitor_->NewestTemperature()) gate_.Feed(newest->time, newest->celsius);
  state_ = gate_.Check(clock_.Monotonic());
  if (state_ == ThermalGate::State::kWarming) return true;
  if (const auto celsius = gate_.Remember()) Remember(*celsius);
  return false;
}

void Warming::RememberWarmth() {
  const auto newest = monitor_->NewestTemperature();
  if (newest && remembered_ && newest->celsius > *remembered_ + kNearCelsius) Remember(newest->celsius);
}

void Warming::Remember(double celsius) {
  remembered_ = celsius;
  status_ = WriteSettledTemperature(file_, celsius);
}

}  // namespace rsg::trainer
