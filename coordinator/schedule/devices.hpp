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
  /// Leaves it to whoever announces it next, if `agent` has it.
  void Release(const std::string& device_id, const Agent* agent);

  void Queue(const std::string& device_id, const JobKey& job);
  void Unqueue(const std::string& device_id, const JobKey& job);
  /// The job that the device is to run next.
  std::optional<JobKey> Next(const std::string& device_id) const;

 private:
  struct Entry {
    Agent* owner = nullptr;
    std::set<JobKey> queued;
  };
  void Forget(std::unordered_map<std::string, Entry>::iterator entry);

  std::unordered_map<std::string, Entry> entries_;  // by device id; none that is nobody's and has nothing queued
};

}  // namespace rsg::schedule
