#include "agent/trainer/telemetry/combine.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>

namespace rsg::trainer {
namespace {

/// A mean weighted by time.
class TimeMean {
 public:
  void Add(const std::optional<double>& value, double seconds) {
    if (!value) return;
    sum_ += *value * seconds;
    seconds_ += seconds;
  }
  std::optional<double> Value() const {
    if (seconds_ <= 0) return std::nullopt;
    return sum_ / seconds_;
  }

 private:
  double sum_ = 0;
  double seconds_ = 0;
};

/// What holds while a reading does.
class Means {
 public:
  void Add(const Reading& reading, double seconds) {
    sm_clock_.Add(reading.sm_clock_mhz, seconds);
    memory_clock_.Add(reading.memory_clock_mhz, seconds);
    temperature_.Add(reading.temperature_celsius, seconds);
    power_.Add(reading.power_watts, seconds);
    cpu_mhz_.Add(reading.cpu_mhz, seconds);
    const auto under = [&](std::uint64_t reasons) -> std::optional<double> {
      if (!reading.clock_reasons) return std::nullopt;
      return (*reading.clock_reasons & reasons) != 0 ? 1.0 : 0.0;
    };
    power_cap_.Add(under(kSoftwarePowerCap), seconds);
    thermal_.Add(under(kSoftwareThermal | kHardwareThermal), seconds);
    hardware_.Add(under(kHardwareSlowdown | kHardwarePowerBrake), seconds);
  }

  void Fill(v1::Telemetry* telemetry) const {
    if (const auto v = sm_clock_.Value()) telemetry->set_sm_clock_mhz(*v);
    if (const auto v = memory_clock_.Value()) telemetry->set_memory_clock_mhz(*v);
    if (const auto v = temperature_.Value()) telemetry->set_temperature_celsius(*v);
    if (const auto v = power_.Value()) telemetry->set_power_watts(*v);
    if (const auto v = power_cap_.Value()) telemetry->set_power_cap_share(*v);
    if (const auto v = thermal_.Value()) telemetry->set_thermal_share(*v);
    if (const auto v = hardware_.Value()) telemetry->set_hardware_share(*v);
    if (const auto v = cpu_mhz_.Value()) telemetry->set_cpu_mhz(*v);
  }

 private:
  TimeMean sm_clock_, memory_clock_, temperature_, power_, power_cap_, thermal_, hardware_, cpu_mhz_;
};

void FillEnergy(const Reading& first, const Reading& last, double seconds, v1::Telemetry* telemetry) {
  if (!first.energy_joules || !last.energy_joules) return;
  const double joules = *last.energy_joules - *first.energy_joules;
  const double watts = joules / (last.time - first.time);
  if (joules < 0 || watts > kMostPlausible) return;  // the counter began anew with the driver, or jumped
  telemetry->set_energy_joules(watts * seconds);
}

void FillLoad(const Reading& first, const Reading& last, v1::Telemetry* telemetry) {
  if (!first.cpu_time || !last.cpu_time) return;
  const double total = last.cpu_time->total - first.cpu_time->total;
  const double busy = last.cpu_time->busy - first.cpu_time->busy;
  if (total > 0) telemetry->set_cpu_load(std::clamp(busy / total, 0.0, 1.0));
}

void FillWait(const Reading& first, const Reading& last, v1::Telemetry* telemetry) {
  if (!first.cpu_wait_seconds || !last.cpu_wait_seconds) return;
  const double waited = *last.cpu_wait_seconds - *first.cpu_wait_seconds;
  telemetry->set_cpu_wait_share(std::clamp(waited / (last.time - first.time), 0.0, 1.0));
}

using google::protobuf::FieldDescriptor;

/// Calls `act` with each field that is a mean over time: every number with a fraction but the energy.
template <typename Act>
void ForEachMean(const v1::Telemetry& telemetry, const Act& act) {
  const auto* descriptor = telemetry.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor& field = *descriptor->field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE &&
        field.number() != v1::Telemetry::kEnergyJoulesFieldNumber)
      act(field);
  }
}

}  // namespace

void WindowTelemetry::Add(const Reading& reading) { readings_.push_back(reading); }

v1::Telemetry WindowTelemetry::Take(double begin, double end) {
  const auto later = [](double time, const Reading& reading) { return time < reading.time; };
  auto first = std::upper_bound(readings_.begin(), readings_.end(), begin, later);
  const auto after = std::upper_bound(first, readings_.end(), end, later);
  v1::Telemetry telemetry;
  const auto within = std::distance(first, after);
  // The one before the window holds into it, unless it is too old.
  if (first != readings_.begin() && std::prev(first)->time >= begin - kReadingHolds) --first;
  if (within > 0) {
    Means means;
    for (auto it = first; it != after; ++it) {
      const double until =
          std::min({std::next(it) != after ? std::next(it)->time : end, it->time + kReadingHolds, end});
      means.Add(*it, std::max(0.0, until - std::max(it->time, begin)));
      if (it->used_memory_mib && it->time > begin)
        telemetry.set_used_memory_mib(std::max(telemetry.used_memory_mib(), *it->used_memory_mib));
      if (it->pcie_generation) telemetry.set_pcie_generation(*it->pcie_generation);
      if (it->pcie_width) telemetry.set_pcie_width(*it->pcie_width);
    }
    means.Fill(&telemetry);
    const Reading& last = *std::prev(after);
    if (last.time > first->time) {
      FillEnergy(*first, last, end - begin, &telemetry);
      FillLoad(*first, last, &telemetry);
      FillWait(*first, last, &telemetry);
    }
    telemetry.set_readings(static_cast<std::uint32_t>(within));
  }
  // The last one before `end` holds into the next window.
  if (after != readings_.begin()) readings_.erase(readings_.begin(), std::prev(after));
  return telemetry;
}

void TelemetrySummary::Add(const v1::Telemetry& window, double seconds) {
  seconds_ += seconds;
  if (window.readings() == 0) return;
  ForEachMean(window, [&](const FieldDescriptor& field) {
    if (!window.GetReflection()->HasField(window, &field)) return;
    Mean& mean = means_[field.number()];
    mean.sum += window.GetReflection()->GetDouble(window, &field) * seconds;
    mean.seconds += seconds;
  });
  if (window.has_energy_joules()) {
    energy_.sum += window.energy_joules();
    energy_.seconds += seconds;
  }
  rest_.set_readings(rest_.readings() + window.readings());
  if (window.has_used_memory_mib())
    rest_.set_used_memory_mib(std::max(rest_.used_memory_mib(), window.used_memory_mib()));
  if (window.has_pcie_generation()) rest_.set_pcie_generation(window.pcie_generation());
  if (window.has_pcie_width()) rest_.set_pcie_width(window.pcie_width());
}

v1::Telemetry TelemetrySummary::Total() const {
  constexpr double kLeastEnergyTime = 0.9;
  v1::Telemetry total = rest_;
  ForEachMean(total, [&](const FieldDescriptor& field) {
    const auto mean = means_.find(field.number());
    if (mean == means_.end()) return;
    total.GetReflection()->SetDouble(&total, &field, mean->second.sum / mean->second.seconds);
  });
  if (energy_.seconds > 0 && energy_.seconds >= kLeastEnergyTime * seconds_)
    total.set_energy_joules(energy_.sum * seconds_ / energy_.seconds);
  return total;
}

}  // namespace rsg::trainer
