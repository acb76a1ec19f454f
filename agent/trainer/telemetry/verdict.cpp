#include "agent/trainer/telemetry/verdict.hpp"

#include <fmt/format.h>

#include <vector>

#include "common/percent.hpp"

namespace rsg::trainer {
namespace {

std::string Percent(double share) {
  if (share < 0.01) return "under 1 %";
  return fmt::format("{:.0f} %", 100 * share);
}

// "SM clock 1350 of 1980 MHz", as far as it is known.
std::string ClockText(const v1::Result& result) {
  const v1::Telemetry& telemetry = result.telemetry();
  if (!telemetry.has_sm_clock_mhz()) return "";
  if (!result.device_limits().has_max_sm_clock_mhz())
    return fmt::format("SM clock {:.0f} MHz", telemetry.sm_clock_mhz());
  return fmt::format("SM clock {:.0f} of {:.0f} MHz", telemetry.sm_clock_mhz(),
                     result.device_limits().max_sm_clock_mhz());
}

std::string Joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts)
    if (!part.empty()) text += (text.empty() ? "" : between) + part;
  return text;
}

// What slowed the device down; the reason that took less than kThrottledShare is named as well.
std::string Slowdown(const v1::Telemetry& telemetry) {
  std::vector<std::string> parts;
  if (telemetry.thermal_share() > 0)
    parts.push_back(Percent(telemetry.thermal_share()) + " of the time under thermal slowdown");
  if (telemetry.hardware_share() > 0)
    parts.push_back(Percent(telemetry.hardware_share()) + " of the time under hardware slowdown or power brake");
  return Joined(parts, ", ");
}

std::string HeldBack(const v1::Result& result) {
  const v1::DeviceLimits& limits = result.device_limits();
  std::string text = fmt::format(
      "power limit {:.0f} W, {} of the card's default of {:.0f} W", limits.power_limit_watts(),
      Percent(limits.power_limit_watts() / limits.default_power_limit_watts()), limits.default_power_limit_watts());
  if (result.telemetry().power_cap_share() > 0)
    text += fmt::format(", reached {} of the time", Percent(result.telemetry().power_cap_share()));
  return text;
}

bool IsPowerLimited(const v1::DeviceLimits& limits) {
  return limits.has_power_limit_watts() && limits.has_default_power_limit_watts() &&
         limits.power_limit_watts() < kPowerLimitShare * limits.default_power_limit_watts();
}

// Why the number is hardly known; empty where it is known well enough.
std::string Vagueness(const v1::Result& result) {
  if (!result.has_ci_low()) return "no interval: too few windows, or they differ too much; measure longer";
  const double half = HalfWidth(result.throughput(), result.ci_low(), result.ci_high());
  return half > kVagueHalfWidth ? fmt::format("known to within {:.0f} % only; measure longer", 100 * half) : "";
}

std::string AtItsLimit(const v1::Result& result) {
  const v1::DeviceLimits& limits = result.device_limits();
  if (result.telemetry().power_cap_share() <= 0) return "";
  const bool by_default =
      limits.has_default_power_limit_watts() && limits.power_limit_watts() == limits.default_power_limit_watts();
  const std::string watts =
      limits.has_power_limit_watts() ? fmt::format(" of {:.0f} W", limits.power_limit_watts()) : "";
  return fmt::format("at {}power limit{} {} of the time", by_default ? "its default " : "its ", watts,
                     Percent(result.telemetry().power_cap_share()));
}

// Empty where it is no more than on any machine.
std::string Waiting(const v1::Telemetry& telemetry) {
  if (telemetry.cpu_wait_share() < kNotedWaitShare) return "";
  return "waited " + Percent(telemetry.cpu_wait_share()) + " of the time for a CPU";
}

// What was looked at and found in order.
std::string InOrder(const v1::Result& result) {
  const v1::Telemetry& telemetry = result.telemetry();
  if (telemetry.readings() == 0) return "nothing could be read of the machine's state";
  std::vector<std::string> parts{ClockText(result)};
  if (telemetry.has_temperature_celsius()) parts.push_back(fmt::format("{:.0f} °C", telemetry.temperature_celsius()));
  if (telemetry.has_cpu_mhz()) parts.push_back(fmt::format("CPU {:.0f} MHz", telemetry.cpu_mhz()));
  if (telemetry.has_cpu_load()) parts.push_back(fmt::format("load {:.0f} %", 100 * telemetry.cpu_load()));
  parts.push_back(Waiting(telemetry));
  parts.push_back(AtItsLimit(result));
  parts.push_back(Slowdown(telemetry));
  const bool gpu = telemetry.has_sm_clock_mhz() || telemetry.has_temperature_celsius() || telemetry.has_power_watts();
  if (gpu && !telemetry.has_thermal_share()) parts.emplace_back("whether it was throttled cannot be read");
  return Joined(parts, ", ");
}

}  // namespace

std::string Throttling(const v1::Result& result) {
  const v1::Telemetry& telemetry = result.telemetry();
  if (telemetry.thermal_share() < kThrottledShare && telemetry.hardware_share() < kThrottledShare) return "";
  return Joined({Slowdown(telemetry), ClockText(result)}, ", ");
}

Judgement Judge(const v1::Result& result, const Circumstances& circumstances) {
  std::vector<Judgement> found;
  if (const std::string throttling = Throttling(result); !throttling.empty())
    found.push_back({v1::VERDICT_THROTTLED, throttling});
  if (result.drained_share() >= kHostBoundShare)
    found.push_back({v1::VERDICT_HOST_BOUND,
                     Joined({Percent(result.drained_share()) + " of the looks at the device found it out of work",
                             Waiting(result.telemetry())},
                            ", ")});
  if (circumstances.on_cpu && result.telemetry().cpu_wait_share() >= kContendedShare)
    found.push_back({v1::VERDICT_CONTENDED,
                     Waiting(result.telemetry()) + ", which others used, or a quota of the container kept from it"});
  if (!circumstances.steady)
    found.push_back({v1::VERDICT_UNSTABLE,
                     circumstances.unsteadiness.empty() ? "never became steady" : circumstances.unsteadiness});
  if (IsPowerLimited(result.device_limits())) found.push_back({v1::VERDICT_POWER_LIMITED, HeldBack(result)});
  if (const std::string vagueness = Vagueness(result); !vagueness.empty())
    found.push_back({v1::VERDICT_UNSTABLE, vagueness});
  if (found.empty()) return {v1::VERDICT_VALID, InOrder(result)};
  Judgement judgement = found.front();
  for (std::size_t i = 1; i < found.size(); ++i) judgement.evidence += "; also " + found[i].evidence;
  return judgement;
}

}  // namespace rsg::trainer
