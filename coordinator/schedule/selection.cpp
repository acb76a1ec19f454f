// Which attached devices a sweep goes to.
#include <algorithm>
#include <map>
#include <set>

#include "coordinator/schedule/coordinator.hpp"
#include "coordinator/schedule/text.hpp"

namespace rsg::schedule {
namespace {

bool NamesAgent(const v1::DeviceSelector& selector, const AgentRecord& agent) {
  const auto& wanted = selector.agents();
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), agent.agent_id) != wanted.end() ||
         std::find(wanted.begin(), wanted.end(), agent.name) != wanted.end();
}

bool RunsAny(std::span<const PlannedCell> plan, const v1::Device& device, const v1::MachineFacts& machine) {
  return std::any_of(plan.begin(), plan.end(),
                     [&](const PlannedCell& cell) { return WhyNot(cell.cell, device, machine.models()).empty(); });
}

}  // namespace

v1::DeviceKind ResolveKind(const v1::DeviceSelector& selector, std::span<const Candidate> candidates) {
  if (selector.kind() != v1::DEVICE_KIND_UNSPECIFIED) return selector.kind();
  if (!selector.gpu().empty()) return v1::DEVICE_KIND_GPU;
  if (candidates.empty()) return v1::DEVICE_KIND_UNSPECIFIED;
  const bool any_gpu = std::any_of(candidates.begin(), candidates.end(),
                                   [](const Candidate& c) { return c.device->kind() == v1::DEVICE_KIND_GPU; });
  return any_gpu ? v1::DEVICE_KIND_GPU : v1::DEVICE_KIND_CPU;
}

void Coordinator::AddCandidates(const v1::DeviceSelector& selector, v1::DeviceKind kind, Agent& agent,
                                std::vector<Candidate>* candidates) const {
  if (agent.session == 0 || agent.record.draining || !NamesAgent(selector, agent.record)) return;
  for (const std::string& id : agent.devices) {
    const v1::Device* device = agent.Find(id);
    if (device == nullptr || !ContainsAnyCase(device->name(), selector.gpu())) continue;
    if (kind == v1::DEVICE_KIND_UNSPECIFIED || kind == device->kind())
      candidates->push_back({.agent = &agent, .device = device});
  }
}

std::vector<Candidate> Coordinator::Candidates(const v1::DeviceSelector& selector, v1::DeviceKind kind) {
  std::vector<Candidate> candidates;
  for (const auto& [id, agent] : agents_) AddCandidates(selector, kind, *agent, &candidates);
  // First come, first served, where a sweep takes only some.
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.agent->session < b.agent->session; });
  return candidates;
}

std::vector<Candidate> Coordinator::Select(const Sweep& sweep, std::span<const Candidate> candidates) const {
  std::vector<Candidate> selected;
  const std::uint32_t limit = sweep.record.spec.devices().machines();
  std::map<std::string, std::set<std::string>> machines;  // by device name
  std::uint64_t jobs = static_cast<std::uint64_t>(sweep.job_count());
  for (const Candidate& candidate : candidates) {
    const v1::Device& device = *candidate.device;
    const v1::MachineFacts& machine = candidate.agent->record.machine;
    if (sweep.HasDevice(device.id()) || sweep.HasGivenSlotAway(device.name(), machine.machine_id())) continue;
    if (!RunsAny(sweep.plan(), device, machine)) continue;
    if (jobs + sweep.jobs_each() > kMostJobs) break;
    if (limit > 0 && !sweep.HasMachine(device.name(), machine.machine_id())) {
      std::set<std::string>& chosen = machines[device.name()];
      if (!chosen.contains(machine.machine_id()) && sweep.Machines(device.name()) + chosen.size() >= limit) continue;
      chosen.insert(machine.machine_id());
    }
    jobs += sweep.jobs_each();
    selected.push_back(candidate);
  }
  return selected;
}

}  // namespace rsg::schedule
