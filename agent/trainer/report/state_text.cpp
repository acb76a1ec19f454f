#include "agent/trainer/report/state_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "common/duration.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// "1.4 kJ, 26.20 samples/J"
std::string EnergyText(const v1::Result& result) {
  const double joules = result.telemetry().energy_joules();
  const std::string spent = joules < 1000 ? fmt::format("{:.0f} J", joules) : fmt::format("{:.1f} kJ", joules / 1000);
  return joules > 0 ? fmt::format("{}, {:.2f} samples/J", spent, result.samples() / joules) : spent;
}

std::string StateText(const v1::Result& result) {
  const v1::Telemetry& state = result.telemetry();
  std::vector<std::string> parts;
  if (state.has_sm_clock_mhz()) parts.push_back(fmt::format("SM {:.0f} MHz", state.sm_clock_mhz()));
  if (state.has_memory_clock_mhz()) parts.push_back(fmt::format("memory {:.0f} MHz", state.memory_clock_mhz()));
  if (state.has_temperature_celsius()) parts.push_back(fmt::format("{:.0f} °C", state.temperature_celsius()));
  if (state.has_power_watts()) parts.push_back(fmt::format("{:.0f} W", state.power_watts()));
  if (state.has_energy_joules()) parts.push_back(EnergyText(result));
  if (state.has_used_memory_mib()) parts.push_back(fmt::format("{} MiB in use", state.used_memory_mib()));
  if (state.has_pcie_generation() && state.has_pcie_width())
    parts.push_back(fmt::format("PCIe {} x{}", state.pcie_generation(), state.pcie_width()));
  if (state.has_cpu_mhz()) parts.push_back(fmt::format("CPU {:.0f} MHz", state.cpu_mhz()));
  if (state.has_cpu_load()) parts.push_back(fmt::format("load {:.0f} %", 100 * state.cpu_load()));
  if (state.has_cpu_wait_share())
    parts.push_back(fmt::format("{:.0f} % waiting for a CPU", 100 * state.cpu_wait_share()));
  return Joined(parts);
}

std::string SoakText(const v1::Result& result) {
  const double change = 100 * (result.sustained_throughput() / result.throughput() - 1);
  return fmt::format("{:.2f} samples/s in the second half of {}, {:.1f} % {} the measurement",
                     result.sustained_throughput(), FormatDuration(result.soak_seconds()), std::abs(change),
                     change < 0 ? "below" : "above");
}

}  // namespace

std::vector<std::pair<const char*, std::string>> StateRows(const v1::Result& result) {
  std::vector<std::pair<const char*, std::string>> rows;
  if (std::string state = StateText(result); !state.empty()) rows.emplace_back("machine", std::move(state));
  if (result.has_sustained_throughput()) rows.emplace_back("sustained", SoakText(result));
  if (result.verdict() != v1::VERDICT_UNSPECIFIED)
    rows.emplace_back("verdict", Word(result.verdict()) + (result.evidence().empty() ? "" : ": " + result.evidence()));
  return rows;
}

std::string VerdictSoFar(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_UNSPECIFIED || verdict == v1::VERDICT_VALID) return "";
  return "   " + Word(verdict) + " so far";
}

std::string WarmingLine(const v1::Window& window) {
  const double now = window.samples() / window.seconds();
  return fmt::format("warming the device   {:.0f} °C, {:.1f} samples/s", window.telemetry().temperature_celsius(), now);
}

std::string SoakLine(const v1::Window& window, double share) {
  return fmt::format("soak {:3.0f} %   now {:.1f} samples/s", 100 * share, window.samples() / window.seconds());
}

}  // namespace rsg::trainer
