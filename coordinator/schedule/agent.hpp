// What the coordinator's state machine knows of one enrolled agent, beyond what is stored.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/schedule/effects.hpp"
#include "coordinator/schedule/records.hpp"

namespace rsg::schedule {

struct Agent {
  AgentRecord record;

  SessionId session = 0;      ///< 0: detached
  SessionId opened = 0;       ///< a session that has not said Hello yet; 0: none
  std::uint32_t stream = 0;   ///< of the newest process: the newest that said Hello
  std::uint32_t start = 0;    ///< of the newest process; 0: not known, as after the coordinator's start
  std::uint32_t spooled = 0;  ///< windows that it keeps, as it said last
  double heard = 0;           ///< active time of the last message, or of the end of the last session
  bool left = false;          ///< the last session ended in good order
  bool shown_lost = false;

  std::optional<AttemptKey> attempt;  ///< that it has in hand, or will once it is told

  /// The child of an attempt that was ended here may still run: nothing is assigned until the agent says that it is
  /// gone, or until that active time.
  struct Stopping {
    std::string attempt_id;
    double until = 0;
  };
  std::optional<Stopping> stopping;

  /// Of the attempt whose end was accepted last: that news may have to be repeated.
  std::string accepted_attempt;
  std::string accepted_token;

  std::vector<std::string> devices;    ///< that it owns, in the order of its facts
  std::vector<std::string> contested;  ///< that it announced while another agent owns them
  std::set<std::string> seen_devices;  ///< ever announced since the coordinator's start, bounded

  double log_allowance = 100;  ///< lines of the log it may still cause
  double log_counted = 0;      ///< active time up to which the allowance is filled up

  /// The device of that id among its facts, or nullptr.
  const v1::Device* Find(const std::string& device_id) const {
    for (const v1::Device& device : record.machine.devices())
      if (device.id() == device_id) return &device;
    return nullptr;
  }
};

}  // namespace rsg::schedule
