// Sweeps that take only so many machines of a kind: a machine that stays away gives its slot to another one, and with
// it what it had still to measure. What it has measured stays its own.
#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/duration.hpp"
#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {

double Coordinator::Absence(const std::string& device_id) const {
  const Agent* owner = devices_.Owner(device_id);
  return active_ - (owner != nullptr ? owner->heard : devices_.ReleasedAt(device_id));
}

void Coordinator::MoveSlots(Sweep& sweep, const Now& now, Effects& effects) {
  if (sweep.record.spec.devices().machines() == 0) return;
  const double granted = settings_.lost_after_seconds + settings_.slot_timeout_seconds;
  struct Slot {
    std::vector<std::size_t> unfinished;  // devices, by their index in the sweep
    bool present = false;
  };
  std::map<std::pair<std::string, std::string>, Slot> slots;  // by device name and machine
  for (std::size_t i = 0; i < sweep.devices().size(); ++i) {
    const Sweep::OnDevice& device = sweep.devices()[i];
    Slot& slot = slots[{device.name, device.machine_id}];
    slot.present |= Absence(device.id) < granted;
    if (device.remaining > 0) slot.unfinished.push_back(i);
  }
  for (const auto& [of, slot] : slots)
    if (!slot.present && !slot.unfinished.empty()) MoveSlot(sweep, slot.unfinished, now, effects);
}

// The first machine that is there, has no slot in the sweep and can do any of it; its devices of that name.
std::vector<Candidate> Coordinator::TakersOf(const Sweep& sweep, const std::string& device_name,
                                             std::span<const std::uint32_t> cells) {
  std::vector<Candidate> takers = Candidates(sweep.record.spec.devices(), sweep.record.device_kind);
  std::erase_if(takers, [&](const Candidate& candidate) {
    const v1::Device& device = *candidate.device;
    const v1::MachineFacts& machine = candidate.agent->record.machine;
    return device.name() != device_name || sweep.HasDevice(device.id()) ||
           sweep.HasMachine(device_name, machine.machine_id()) || StateOf(*candidate.agent) == v1::AGENT_STATE_LOST ||
           std::none_of(cells.begin(), cells.end(), [&](std::uint32_t cell) {
             return WhyNot(sweep.cells()[cell].cell, device, machine.models()).empty();
           });
  });
  if (!takers.empty())
    std::erase_if(takers, [first = takers.front().agent](const Candidate& it) { return it.agent != first; });
  return takers;
}

void Coordinator::MoveSlot(Sweep& sweep, std::span<const std::size_t> devices, const Now& now, Effects& effects) {
  std::vector<std::vector<std::uint32_t>> left;
  std::vector<std::uint32_t> all;
  for (const std::size_t device : devices) {
    left.push_back(sweep.CellsLeft(sweep.devices()[device]));
    all.insert(all.end(), left.back().begin(), left.back().end());
  }
  std::vector<Candidate> takers = TakersOf(sweep, sweep.devices()[devices.front()].name, all);
  const std::uint64_t jobs = static_cast<std::uint64_t>(sweep.job_count()) + all.size() + 2 * takers.size();
  if (takers.empty() || jobs > kMostJobs) return;
  // Each takes what one device left; where there are fewer than before, also what another one left.
  takers.resize(std::min(takers.size(), left.size()));
  for (std::size_t i = takers.size(); i < left.size(); ++i) {
    std::vector<std::uint32_t>& cells = left[i % takers.size()];
    cells.insert(cells.end(), left[i].begin(), left[i].end());
    std::sort(cells.begin(), cells.end());
    cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  }
  const AgentRecord& taker = takers.front().agent->record;
  const std::string reason = fmt::format("its slot went to agent {} ({}) after {} without contact", taker.name,
                                         taker.agent_id, FormatDuration(Absence(sweep.devices()[devices.front()].id)));
  for (std::size_t i = 0; i < takers.size(); ++i) {
    const std::int64_t first = sweep.AddDevice(*takers[i].device, taker.machine, left[i], now.unix);
    for (std::int64_t job = first; job <= sweep.job_count(); ++job) PutJobChange(sweep, job, effects);
  }
  for (const std::size_t device : devices) {
    effects.log.push_back({.level = LogEntry::Level::kWarning,
                           .text = fmt::format("sweep {}: {} does not come back; {}", SweepId(sweep.record.sweep),
                                               sweep.devices()[device].id, reason),
                           .fields = FieldsOf(SweepId(sweep.record.sweep))});
    EmptySlot(sweep, device, reason, now, effects);
  }
}

// Whoever worked there finds its attempts fenced when it comes back. The slot goes first: it is stored with each job.
void Coordinator::EmptySlot(Sweep& sweep, std::size_t device, const std::string& reason, const Now& now,
                            Effects& effects) {
  sweep.GiveSlotAway(device);
  const Sweep::OnDevice& emptied = sweep.devices()[device];
  for (std::int64_t job = emptied.first_job; job < emptied.first_job + emptied.jobs; ++job) {
    if (sweep.job(job).state == v1::JOB_STATE_ENDED) continue;
    const JobKey key{.sweep = sweep.record.sweep, .job = job};
    const auto attempt = attempts_.find({.job = key, .attempt = sweep.job(job).attempts});
    if (attempt == attempts_.end())
      EndJob(key, v1::OUTCOME_SKIPPED, reason, now, effects);
    else
      CancelAttempt(attempt->second, {.outcome = v1::OUTCOME_LOST, .error = reason, .job = v1::OUTCOME_SKIPPED}, reason,
                    now, effects);
  }
}

}  // namespace rsg::schedule
