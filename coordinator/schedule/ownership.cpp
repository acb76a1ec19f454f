// Which of the agents that announce a device works for it.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {

void Coordinator::ClaimDevices(Agent& agent, const Now& now, Effects& effects) {
  const std::vector<std::string> before = std::exchange(agent.devices, {});
  const std::vector<std::string> contested_before = std::exchange(agent.contested, {});
  for (const v1::Device& device : agent.record.machine.devices()) {
    if (Claim(agent, device.id(), now, effects)) {
      agent.devices.push_back(device.id());
      continue;
    }
    agent.contested.push_back(device.id());
    if (std::find(contested_before.begin(), contested_before.end(), device.id()) == contested_before.end())
      Log(agent, LogEntry::Level::kWarning,
          fmt::format("announces {}, which agent {} works for; it gets no jobs on it", device.id(),
                      devices_.Owner(device.id())->record.agent_id),
          effects);
  }
  for (const std::string& device : before) ReleaseIfDone(agent, device);
  if (agent.contested.empty())
    with_contest_.erase(agent.record.agent_id);
  else
    with_contest_.insert(agent.record.agent_id);
  // Not only new devices: sweeps may have come while the agent was away.
  JoinOpenSweeps(agent, now, effects);
  idle_.insert(agent.record.agent_id);
}

bool Coordinator::Claim(Agent& agent, const std::string& device_id, const Now& now, Effects& effects) {
  Agent* owner = devices_.Owner(device_id);
  if (owner == &agent) return true;
  if (owner != nullptr) {
    const std::vector<AttemptKey> works = AttemptsOn(*owner, device_id);
    // An agent that is only cut off for a while may be in the middle of a measurement.
    const bool gone = owner->session == 0 && (works.empty() || StateOf(*owner) == v1::AGENT_STATE_LOST);
    if (!gone) return false;
    for (const AttemptKey& key : works)
      LoseAttempt(attempts_.at(key), fmt::format("agent {} took over the device", agent.record.name),
                  /*free=*/key != works.front(), now, effects);
    std::erase(owner->devices, device_id);
  }
  devices_.SetOwner(device_id, &agent);
  return true;
}

void Coordinator::ReleaseIfDone(const Agent& agent, const std::string& device_id) {
  const bool announced = std::find(agent.devices.begin(), agent.devices.end(), device_id) != agent.devices.end();
  if (!announced && AttemptsOn(agent, device_id).empty()) devices_.Release(device_id, &agent, active_);
}

std::vector<AttemptKey> Coordinator::AttemptsOn(const Agent& agent, const std::string& device_id) const {
  std::vector<AttemptKey> attempts = agent.attempts;
  std::erase_if(attempts,
                [&](const AttemptKey& key) { return sweeps_.at(key.job.sweep).device(key.job.job).id != device_id; });
  return attempts;
}

}  // namespace rsg::schedule
