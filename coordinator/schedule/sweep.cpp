#include "coordinator/schedule/sweep.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "common/cells.hpp"

namespace rsg::schedule {

Sweep::Sweep(SweepRecord sweep, std::vector<PlannedCell> plan)
    : record(std::move(sweep)), cells_(std::move(plan)), planned_(static_cast<std::uint32_t>(cells_.size())) {
  if (!record.spec.control()) return;
  PlannedCell control{.cell = {}, .repeat = kControlStart, .role = v1::ROLE_CONTROL};
  cells_.insert(cells_.begin(), control);
  control.repeat = kControlEnd;
  cells_.push_back(control);
  planned_ += 2;
  Decide(record.device_kind);
}

void Sweep::Decide(v1::DeviceKind kind) {
  record.device_kind = kind;
  for (PlannedCell& planned : cells_)
    if (planned.role == v1::ROLE_CONTROL) planned.cell = ControlCell(record.spec, kind);
}

std::span<const PlannedCell> Sweep::plan() const {
  const std::uint32_t controls = record.spec.control() ? 1 : 0;  // at each end
  return std::span(cells_).subspan(controls, planned_ - 2 * controls);
}

std::uint32_t Sweep::DeviceIndex(const std::string& id, const std::string& name, const std::string& machine_id) {
  const auto [at, is_new] = by_id_.try_emplace(id, static_cast<std::uint32_t>(devices_.size()));
  if (is_new) {
    OnDevice device;
    device.id = id;
    device.name = name;
    device.machine_id = machine_id;
    devices_.push_back(std::move(device));
  }
  return at->second;
}

std::uint32_t Sweep::CellIndex(const JobRecord& stored) {
  const auto key = [](const PlannedCell& c) {
    return c.cell.SerializeAsString() + '\n' + std::to_string(c.repeat) + ' ' + std::to_string(c.role);
  };
  if (by_cell_.empty())
    for (std::uint32_t i = 0; i < cells_.size(); ++i) by_cell_.emplace(key(cells_[i]), i);
  PlannedCell cell{.cell = stored.cell, .repeat = stored.repeat, .role = stored.role};
  const auto [at, is_new] = by_cell_.try_emplace(key(cell), static_cast<std::uint32_t>(cells_.size()));
  if (is_new) cells_.push_back(std::move(cell));
  return at->second;
}

Sweep::Job& Sweep::Append(std::uint32_t cell, std::uint32_t device) {
  Job& job = jobs_.emplace_back();
  job.cell = cell;
  job.device = device;
  if (devices_[device].jobs++ == 0) devices_[device].first_job = job_count();
  return job;
}

std::int64_t Sweep::AddDevice(const v1::Device& device, const v1::MachineFacts& machine, double now_unix) {
  std::vector<std::uint32_t> all(plan().size());
  std::iota(all.begin(), all.end(), record.spec.control() ? 1 : 0);
  return AddDevice(device, machine, all, now_unix);
}

std::int64_t Sweep::AddDevice(const v1::Device& device, const v1::MachineFacts& machine,
                              std::span<const std::uint32_t> measured, double now_unix) {
  std::vector<std::uint32_t> block(measured.begin(), measured.end());
  if (record.spec.control()) {
    block.insert(block.begin(), 0);
    block.push_back(planned_ - 1);
  }
  const std::uint32_t index = DeviceIndex(device.id(), device.name(), machine.machine_id());
  const std::int64_t first = job_count() + 1;
  jobs_.reserve(jobs_.size() + block.size());
  for (const std::uint32_t cell : block) {
    Append(cell, index).state = v1::JOB_STATE_QUEUED;
    CountLeft(jobs_.back(), 1);
    Count(jobs_.back(), 1);
    if (std::string why = WhyNot(cells_[cell].cell, device, machine.models()); !why.empty())
      End(job_count(), v1::OUTCOME_SKIPPED, std::move(why), now_unix);
  }
  return first;
}

std::vector<std::uint32_t> Sweep::CellsLeft(const OnDevice& device) const {
  std::vector<std::uint32_t> left;
  for (std::int64_t number = device.first_job; number < device.first_job + device.jobs; ++number)
    if (job(number).state != v1::JOB_STATE_ENDED && !IsControl(number)) left.push_back(job(number).cell);
  std::sort(left.begin(), left.end());
  return left;
}

void Sweep::Restore(const JobRecord& stored) {
  Job& job = Append(CellIndex(stored), DeviceIndex(stored.device_id, stored.device_name, stored.machine_id));
  job.state = stored.state;
  job.outcome = stored.outcome;
  job.attempts = stored.attempts;
  job.losses = stored.losses;
  job.failures = stored.failures;
  job.ended_unix = stored.ended_unix;
  job.reason = stored.reason;
  if (stored.gave_slot_away) GiveSlotAway(job.device);
  Count(job, 1);
  if (job.state != v1::JOB_STATE_ENDED) CountLeft(job, 1);
}

void Sweep::CountLeft(const Job& job, int change) {
  const auto by = static_cast<std::uint32_t>(change);
  remaining_ += by;
  (cells_[job.cell].role == v1::ROLE_CONTROL ? controls_left_ : devices_[job.device].remaining) += by;
}

void Sweep::Count(const Job& job, int change) {
  if (cells_[job.cell].role == v1::ROLE_CONTROL) return;
  counts_[{job.state, job.outcome}] += static_cast<std::uint32_t>(change);
}

void Sweep::SetState(Job& job, v1::JobState state, v1::Outcome outcome) {
  const bool was_live = job.state != v1::JOB_STATE_ENDED;
  const bool is_live = state != v1::JOB_STATE_ENDED;
  Count(job, -1);
  job.state = state;
  job.outcome = outcome;
  Count(job, 1);
  CountLeft(job, int{is_live} - int{was_live});
}

void Sweep::Queue(std::int64_t number) { SetState(job(number), v1::JOB_STATE_QUEUED, v1::OUTCOME_UNSPECIFIED); }

void Sweep::Assign(std::int64_t number) {
  ++job(number).attempts;
  SetState(job(number), v1::JOB_STATE_ASSIGNED, v1::OUTCOME_UNSPECIFIED);
}

void Sweep::Run(std::int64_t number) {
  job(number).unstarted = 0;
  SetState(job(number), v1::JOB_STATE_RUNNING, v1::OUTCOME_UNSPECIFIED);
}

void Sweep::End(std::int64_t number, v1::Outcome outcome, std::string reason, double now_unix) {
  SetState(job(number), v1::JOB_STATE_ENDED, outcome);
  job(number).reason = std::move(reason);
  job(number).ended_unix = now_unix;
}

void Sweep::Retry(std::int64_t number) {
  Queue(number);
  Job& retried = job(number);
  retried.losses = retried.failures = retried.unstarted = 0;
  retried.reason.clear();
  retried.ended_unix.reset();
}

std::int64_t Sweep::ControlOf(const OnDevice& device, std::uint32_t which) const {
  const std::int64_t number = which == kControlStart ? device.first_job : device.first_job + device.jobs - 1;
  return IsControl(number) && cell(number).repeat == which ? number : 0;
}

void Sweep::KeepControl(std::int64_t number, const v1::Job& shown) {
  v1::Job& kept = measured_controls_[number];
  kept.set_agent_name(shown.agent_name());
  kept.set_throughput(shown.throughput());
  if (shown.has_ci_low()) kept.set_ci_low(shown.ci_low());
  if (shown.has_ci_high()) kept.set_ci_high(shown.ci_high());
  kept.set_verdict(shown.verdict());
}

void Sweep::Time(std::int64_t number, double seconds) {
  if (IsControl(number)) return;
  OnDevice& device = devices_[job(number).device];
  ++device.timed;
  device.timed_seconds += seconds;
}

JobRecord Sweep::Record(std::int64_t number) const {
  const Job& from = job(number);
  JobRecord to;
  to.key = {.sweep = record.sweep, .job = number};
  to.cell = cells_[from.cell].cell;
  to.repeat = cells_[from.cell].repeat;
  to.device_id = devices_[from.device].id;
  to.device_name = devices_[from.device].name;
  to.machine_id = devices_[from.device].machine_id;
  to.state = from.state;
  to.outcome = from.outcome;
  to.reason = from.reason;
  to.attempts = from.attempts;
  to.losses = from.losses;
  to.failures = from.failures;
  to.ended_unix = from.ended_unix;
  to.role = cells_[from.cell].role;
  to.gave_slot_away = devices_[from.device].gave_slot_away;
  return to;
}

v1::Job Sweep::View(std::int64_t number) const {
  const Job& from = job(number);
  v1::Job view;
  view.set_job_id(Id(JobKey{.sweep = record.sweep, .job = number}));
  view.set_sweep_id(SweepId(record.sweep));
  *view.mutable_cell() = cells_[from.cell].cell;
  view.set_repeat(cells_[from.cell].repeat);
  view.set_device_id(devices_[from.device].id);
  view.set_device_name(devices_[from.device].name);
  view.set_machine_id(devices_[from.device].machine_id);
  view.set_state(from.state);
  view.set_outcome(from.outcome);
  view.set_reason(from.reason);
  view.set_attempts(from.attempts);
  view.set_role(cells_[from.cell].role);
  return view;
}

void CountJob(v1::JobState state, v1::Outcome outcome, std::uint32_t times, v1::JobCounts* counts) {
  counts->set_total(counts->total() + times);
  // Until it is known to have begun it waits, here or at its agent.
  if (state == v1::JOB_STATE_QUEUED || state == v1::JOB_STATE_ASSIGNED)
    return counts->set_queued(counts->queued() + times);
  if (state != v1::JOB_STATE_ENDED) return counts->set_running(counts->running() + times);
  switch (outcome) {
    case v1::OUTCOME_COMPLETED:
      return counts->set_completed(counts->completed() + times);
    case v1::OUTCOME_OUT_OF_MEMORY:
      return counts->set_out_of_memory(counts->out_of_memory() + times);
    case v1::OUTCOME_UNSUPPORTED:
      return counts->set_unsupported(counts->unsupported() + times);
    case v1::OUTCOME_CANCELLED:
      return counts->set_cancelled(counts->cancelled() + times);
    case v1::OUTCOME_SKIPPED:
      return counts->set_skipped(counts->skipped() + times);
    default:
      return counts->set_failed(counts->failed() + times);
  }
}

v1::JobCounts Sweep::Counts() const {
  v1::JobCounts counts;
  for (const auto& [where, times] : counts_) CountJob(where.first, where.second, times, &counts);
  return counts;
}

google::protobuf::RepeatedPtrField<v1::Drift> Sweep::Drift() const {
  google::protobuf::RepeatedPtrField<v1::Drift> drift;
  for (const OnDevice& device : devices_) {
    if (drift.size() >= kMostDriftShown) break;
    for (const std::uint32_t which : {kControlStart, kControlEnd}) {
      const std::int64_t number = ControlOf(device, which);
      if (number == 0) continue;
      v1::Job shown = View(number);
      if (const auto measured = measured_controls_.find(number); measured != measured_controls_.end())
        shown.MergeFrom(measured->second);
      AddControl(shown, &drift);
    }
  }
  return drift;
}

bool Sweep::HasMachine(const std::string& device_name, const std::string& machine_id) const {
  for (const OnDevice& device : devices_)
    if (device.name == device_name && device.machine_id == machine_id) return true;
  return false;
}

bool Sweep::HasGivenSlotAway(const std::string& device_name, const std::string& machine_id) const {
  return std::any_of(devices_.begin(), devices_.end(), [&](const OnDevice& device) {
    return device.gave_slot_away && device.name == device_name && device.machine_id == machine_id;
  });
}

std::size_t Sweep::Machines(const std::string& device_name) const {
  std::set<std::string> machines;
  for (const OnDevice& device : devices_)
    if (device.name == device_name) machines.insert(device.machine_id);
  return machines.size();
}

std::vector<std::int64_t> Sweep::LargerBatchSizes(std::int64_t number) const {
  std::vector<std::int64_t> larger;
  if (IsControl(number)) return larger;
  const Job& small = job(number);
  const v1::Cell& cell = cells_[small.cell].cell;
  const OnDevice& device = devices_[small.device];
  for (std::int64_t other = device.first_job; other < device.first_job + device.jobs; ++other) {
    const Job& candidate = job(other);
    if (candidate.state == v1::JOB_STATE_ENDED) continue;
    if (cells_[candidate.cell].role == v1::ROLE_CONTROL) continue;
    const v1::Cell& its_cell = cells_[candidate.cell].cell;
    if (Prunes(cell, its_cell)) larger.push_back(other);
  }
  return larger;
}

}  // namespace rsg::schedule
