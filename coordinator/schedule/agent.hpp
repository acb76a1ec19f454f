// What the coordinator's state machine knows of one enrolled agent, beyond what is stored.
#pragma once
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/schedule/effects.hpp"
#include "coordinator/schedule/quota.hpp"
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

  /// That it has in hand, or will once it is told, in the order in which it runs them. All but the first are handed out
  /// ahead; when the agent has been out of touch it may have come further.
  std::vector<AttemptKey> attempts;
  double idle_unix = 0;  ///< when an attempt of this agent ended last; 0: none has

  /// The child of an attempt that was ended here may still run: nothing is assigned until the agent says that it is
  /// gone, or until that active time.
  struct Stopping {
    std::string attempt_id;
    double until = 0;
  };
  std::optional<Stopping> stopping;

  /// Ids and tokens of the attempts whose ends were accepted last, bounded: that news may have to be repeated.
  std::deque<std::pair<std::string, std::string>> accepted;

  std::vector<std::string> devices;    ///< that it owns, in the order of its facts
  std::vector<std::string> contested;  ///< that it announced while another agent owns them
  std::set<std::string> seen_devices;  ///< ever announced since the coordinator's start, bounded

  std::optional<Quota> quota;    ///< from its first stream on
  std::optional<double> slowed;  ///< active time when it was last told of being slowed

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
