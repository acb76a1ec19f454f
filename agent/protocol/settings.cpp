#include "agent/protocol/settings.hpp"

#include <algorithm>
#include <cmath>

namespace rsg::agent {
namespace {

double Bound(double value, double fallback, double low, double high) {
  if (!std::isfinite(value) || value <= 0) return fallback;
  return std::clamp(value, low, high);
}

std::uint32_t Bound(std::uint32_t value, std::uint32_t fallback, std::uint32_t high) {
  return value == 0 ? fallback : std::min(value, high);
}

}  // namespace

v1::Settings DefaultSettings() {
  v1::Settings settings;
  settings.set_heartbeat_seconds(10);
  settings.set_flush_seconds(1);
  settings.set_max_unacked(64);
  settings.set_kill_after_seconds(10);
  settings.set_reconnect_cap_seconds(30);
  settings.set_max_spooled_windows(100'000);
  return settings;
}

v1::Settings Sanitize(const v1::Settings& settings) {
  v1::Settings safe = DefaultSettings();
  safe.set_heartbeat_seconds(Bound(settings.heartbeat_seconds(), safe.heartbeat_seconds(), 0.05, 3600));
  safe.set_flush_seconds(Bound(settings.flush_seconds(), safe.flush_seconds(), 0.01, 3600));
  safe.set_max_unacked(Bound(settings.max_unacked(), safe.max_unacked(), 1024));
  safe.set_kill_after_seconds(Bound(settings.kill_after_seconds(), safe.kill_after_seconds(), 0.05, 3600));
  safe.set_reconnect_cap_seconds(Bound(settings.reconnect_cap_seconds(), safe.reconnect_cap_seconds(), 0.05, 3600));
  safe.set_max_spooled_windows(Bound(settings.max_spooled_windows(), safe.max_spooled_windows(), 1'000'000));
  return safe;
}

}  // namespace rsg::agent
