#include "coordinator/schedule/sweep.hpp"

#include <set>

namespace rsg::schedule {

Sweep::Sweep(SweepRecord sweep, std::vector<PlannedCell> plan)
    : record(std::move(sweep)), cells_(std::move(plan)), planned_(static_cast<std::uint32_t>(cells_.size())) {}

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

std::uint32_t Sweep::CellIndex(const v1::Cell& cell, std::uint32_t repeat) {
  const auto key = [](const v1::Cell& c, std::uint32_t r) { return c.SerializeAsString() + '\n' + std::to_string(r); };
  if (by_cell_.empty())
    for (std::uint32_t i = 0; i < cells_.size(); ++i) by_cell_.emplace(key(cells_[i].cell, cells_[i].repeat), i);
  const auto [at, is_new] = by_cell_.try_emplace(key(cell, repeat), static_cast<std::uint32_t>(cells_.size()));
  if (is_new) cells_.push_back({.cell = cell, .repeat = repeat});
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
  const std::uint32_t index = DeviceIndex(device.id(), device.name(), machine.machine_id());
  const std::int64_t first = job_count() + 1;
  jobs_.reserve(jobs_.size() + planned_);
  for (std::uint32_t cell = 0; cell < planned_; ++cell) {
    Append(cell, index).state = v1::JOB_STATE_QUEUED;
    ++devices_[index].remaining;
    ++remaining_;
    Count(jobs_.back(), 1);
    if (std::string why = WhyNot(cells_[cell].cell, device, machine.models()); !why.empty())
      End(job_count(), v1::OUTCOME_SKIPPED, std::move(why), now_unix);
  }
  return first;
}

void Sweep::Restore(const JobRecord& stored) {
  Job& job = Append(CellIndex(stored.cell, stored.repeat),
                    DeviceIndex(stored.device_id, stored.device_name, stored.machine_id));
  job.state = stored.state;
  job.outcome = stored.outcome;
  job.attempts = stored.attempts;
  job.losses = stored.losses;
  job.failures = stored.failures;
  job.ended_unix = stored.ended_unix;
  job.reason = stored.reason;
  Count(job, 1);
  if (job.state != v1::JOB_STATE_ENDED) {
    ++devices_[job.device].remaining;
    ++remaining_;
  }
}

void Sweep::Count(const Job& job, int change) {
  counts_[{job.state, job.outcome}] += static_cast<std::uint32_t>(change);
}

void Sweep::SetState(Job& job, v1::JobState state, v1::Outcome outcome) {
  const bool was_live = job.state != v1::JOB_STATE_ENDED;
  const bool is_live = state != v1::JOB_STATE_ENDED;
  Count(job, -1);
  job.state = state;
  job.outcome = outcome;
  Count(job, 1);
  const auto change = static_cast<std::uint32_t>(int{is_live} - int{was_live});
  devices_[job.device].remaining += change;
  remaining_ += change;
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

void Sweep::Time(std::int64_t number, double seconds) {
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
  view.set_state(from.state);
  view.set_outcome(from.outcome);
  view.set_reason(from.reason);
  view.set_attempts(from.attempts);
  return view;
}

void CountJob(v1::JobState state, v1::Outcome outcome, std::uint32_t times, v1::JobCounts* counts) {
  counts->set_total(counts->total() + times);
  if (state == v1::JOB_STATE_QUEUED) return counts->set_queued(counts->queued() + times);
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

bool Sweep::HasMachine(const std::string& device_name, const std::string& machine_id) const {
  for (const OnDevice& device : devices_)
    if (device.name == device_name && device.machine_id == machine_id) return true;
  return false;
}

std::size_t Sweep::Machines(const std::string& device_name) const {
  std::set<std::string> machines;
  for (const OnDevice& device : devices_)
    if (device.name == device_name) machines.insert(device.machine_id);
  return machines.size();
}

std::vector<std::int64_t> Sweep::LargerBatchSizes(std::int64_t number) const {
  const Job& small = job(number);
  const v1::Cell& cell = cells_[small.cell].cell;
  std::vector<std::int64_t> larger;
  const OnDevice& device = devices_[small.device];
  for (std::int64_t other = device.first_job; other < device.first_job + device.jobs; ++other) {
    const Job& candidate = job(other);
    if (candidate.state == v1::JOB_STATE_ENDED) continue;
    const v1::Cell& its_cell = cells_[candidate.cell].cell;
    if (SameSeries(cell, its_cell) && its_cell.batch_size() > cell.batch_size()) larger.push_back(other);
  }
  return larger;
}

}  // namespace rsg::schedule
