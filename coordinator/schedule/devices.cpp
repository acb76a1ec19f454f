#include "coordinator/schedule/devices.hpp"

namespace rsg::schedule {

Agent* Devices::Owner(const std::string& device_id) const {
  const auto entry = entries_.find(device_id);
  return entry == entries_.end() ? nullptr : entry->second.owner;
}

void Devices::SetOwner(const std::string& device_id, Agent* agent) { entries_[device_id].owner = agent; }

void Devices::Release(const std::string& device_id, const Agent* agent, double active) {
  const auto entry = entries_.find(device_id);
  if (entry == entries_.end() || entry->second.owner != agent) return;
  entry->second.owner = nullptr;
  entry->second.released = active;
  Forget(entry);
}

double Devices::ReleasedAt(const std::string& device_id) const {
  const auto entry = entries_.find(device_id);
  return entry == entries_.end() ? 0 : entry->second.released;
}

void Devices::Queue(const std::string& device_id, const JobKey& job) { entries_[device_id].queued.insert(job); }

void Devices::Unqueue(const std::string& device_id, const JobKey& job) {
  const auto entry = entries_.find(device_id);
  if (entry == entries_.end()) return;
  entry->second.queued.erase(job);
  Forget(entry);
}

std::optional<JobKey> Devices::Next(const std::string& device_id) const {
  const auto entry = entries_.find(device_id);
  if (entry == entries_.end() || entry->second.queued.empty()) return std::nullopt;
  return *entry->second.queued.begin();
}

void Devices::Forget(std::unordered_map<std::string, Entry>::iterator entry) {
  if (entry->second.owner == nullptr && entry->second.queued.empty()) entries_.erase(entry);
}

}  // namespace rsg::schedule
