#include "coordinator/schedule/settings.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace rsg::schedule {
namespace {

constexpr double kDay = 86400;

absl::Status CheckSeconds(const char* name, double value, double least) {
  if (std::isfinite(value) && value >= least && value <= kDay) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{}: {} is out of range; use {}s to 1d", name, value, least));
}

absl::Status CheckCount(const char* name, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{}: {} is out of range; use {} to {}", name, value, least, most));
}

}  // namespace

v1::Settings Settings::ToProto() const {
  v1::Settings settings;
  settings.set_heartbeat_seconds(heartbeat_seconds);
  settings.set_flush_seconds(flush_seconds);
  settings.set_max_unacked(max_unacked);
  settings.set_kill_after_seconds(kill_after_seconds);
  settings.set_reconnect_cap_seconds(reconnect_cap_seconds);
  settings.set_max_spooled_windows(max_spooled_windows);
  return settings;
}

double Settings::TickSeconds() const { return std::clamp(lost_after_seconds / 20, 0.02, 0.5); }

absl::Status Validate(const Settings& settings) {
  if (auto s = CheckSeconds("lost-after", settings.lost_after_seconds, 0.1); !s.ok()) return s;
  if (auto s = CheckSeconds("hello-within", settings.hello_seconds, 0.1); !s.ok()) return s;
  if (auto s = CheckSeconds("heartbeat", settings.heartbeat_seconds, 0.01); !s.ok()) return s;
  if (auto s = CheckSeconds("flush", settings.flush_seconds, 0.01); !s.ok()) return s;
  if (auto s = CheckSeconds("kill-after", settings.kill_after_seconds, 0); !s.ok()) return s;
  if (auto s = CheckSeconds("reconnect-cap", settings.reconnect_cap_seconds, 0.01); !s.ok()) return s;
  if (auto s = CheckCount("max-unacked", settings.max_unacked, 1, 1024); !s.ok()) return s;
  if (auto s = CheckCount("max-spooled", settings.max_spooled_windows, settings.max_unacked, 10'000'000); !s.ok())
    return s;
  if (auto s = CheckCount("jobs-ahead", settings.jobs_ahead, 0, 32); !s.ok()) return s;
  if (auto s = CheckSeconds("slot-timeout", settings.slot_timeout_seconds, 0.1); !s.ok()) return s;
  if (auto s = CheckCount("infrastructure-attempts", settings.infrastructure_attempts, 1, 100); !s.ok()) return s;
  if (auto s = CheckCount("cell-attempts", settings.cell_attempts, 1, 100); !s.ok()) return s;
  // Two heartbeats may be late or lost before silence means something.
  if (settings.heartbeat_seconds > settings.lost_after_seconds / 3)
    return absl::InvalidArgumentError(
        fmt::format("heartbeat: {}s is more than a third of lost-after {}s; use {:.3g}s or less",
                    settings.heartbeat_seconds, settings.lost_after_seconds, settings.lost_after_seconds / 3));
  return absl::OkStatus();
}

}  // namespace rsg::schedule
