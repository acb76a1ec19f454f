// What an operator may set about a fleet: time constants and budgets. Plain values.
#pragma once
#include <cstdint>

#include "absl/status/status.h"
#include "rsg/v1/fleet.pb.h"

namespace rsg::schedule {

struct Settings {
  double lost_after_seconds = 60;               ///< silence after which an agent is shown LOST
  double hello_seconds = 10;                    ///< a stream without Hello is closed
  double heartbeat_seconds = 10;                ///< between an agent's heartbeats; at most a third of lost_after
  double flush_seconds = 1;                     ///< windows are sent at least this often
  std::uint32_t max_unacked = 64;               ///< windows in flight of one agent
  double kill_after_seconds = 10;               ///< SIGTERM, then SIGKILL
  double reconnect_cap_seconds = 30;            ///< upper end of an agent's jittered back-off
  std::uint32_t max_spooled_windows = 100'000;  ///< an agent keeps while the coordinator is away
  std::uint32_t jobs_ahead = 4;                 ///< handed out to an agent beside the one it runs; at most 32
  double slot_timeout_seconds = 300;            ///< LOST for so long, a machine gives its slot in a sweep to another
  std::uint32_t infrastructure_attempts = 3;    ///< attempts LOST before a job ends LOST
  std::uint32_t cell_attempts = 2;              ///< attempts FAILED before a job ends FAILED

  /// What agents are told of it.
  v1::Settings ToProto() const;

  /// Between two ticks of the state machine; a gap of several of them is time in which the coordinator did not run.
  double TickSeconds() const;
};

/// INVALID_ARGUMENT that names the setting, its value and its range.
absl::Status Validate(const Settings& settings);

}  // namespace rsg::schedule
