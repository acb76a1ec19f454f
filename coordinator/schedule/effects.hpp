// What the coordinator's state machine asks of the world after an event. Nothing here has happened yet: the caller
// first stores all changes in one transaction, and only then sends, closes and replies. When storing fails, nothing is
// sent, and the state machine is thrown away and made anew from what is stored.
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/log_fields.hpp"
#include "coordinator/schedule/records.hpp"
#include "rsg/v1/control.pb.h"
#include "rsg/v1/fleet.pb.h"

namespace rsg::schedule {

/// The time at which an event is handled, both clocks in seconds; see common/clock.hpp.
struct Now {
  double monotonic = 0;  ///< what timeouts run on
  double unix = 0;       ///< what is stored and shown
};

/// One stream of one agent; given by the caller, from 1, never reused by one state machine.
using SessionId = std::uint64_t;

struct Send {
  SessionId session = 0;
  v1::CoordinatorMessage message;
};

/// Ends a session, after what was sent to it before.
struct Close {
  SessionId session = 0;
  absl::Status reason;
};

struct LogEntry {
  using Level = LogLevel;
  Level level = Level::kInfo;
  std::string text;  ///< one line, printable
  LogFields fields = {};
};

struct Effects {
  std::vector<Change> changes;
  std::vector<std::variant<Send, Close>> outgoing;  ///< in this order
  std::vector<v1::SweepStatus> ended;               ///< last states of sweeps that have ended, for who watches them
  std::vector<LogEntry> log;
};

}  // namespace rsg::schedule
