// Which agent works for which device, and what is queued for it. A device has one owner at a time: two agents that
// announce the same GPU must not measure on it at once. Not thread-safe.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "coordinator/schedule/agent.hpp"
#include "coordinator/schedule/records.hpp"

namespace rsg::schedule {

class Devices {
 public:
  /// Its owner; nullptr: nobody's.
  Agent* Owner(const std::string& device_id) const;
  void SetOwner(const std::string& device_id, Agent* agent);
  /// Leaves it to whoever announces it next, if `agent` has it; `active` is the coordinator's active time.
  void Release(const std::string& device_id, const Agent* agent, double active);
  /// Active time since which it is nobody's, when it has no owner; 0: since the start.
  double ReleasedAt(const std::string& device_id) const;

  void Queue(const std::string& device_id, const JobKey& job);
  void Unqueue(const std::string& device_id, const JobKey& job);
  /// The job that the device is to run next.
  std::optional<JobKey> Next(const std::string& device_id) const;

 private:
  struct Entry {
    Agent* owner = nullptr;
    double released = 0;
    std::set<JobKey> queued;
  };
  void Forget(std::unordered_map<std::string, Entry>::iterator entry);

  std::unordered_map<std::string, Entry> entries_;  // by device id; none that is nobody's and has nothing queued
};

}  // namespace rsg::schedule
