// A sweep that has not ended: its cells, the devices that run them, and where each job stands. Bookkeeping only: who
// may do what when is decided in coordinator.hpp. Not thread-safe.
//
// Jobs are numbered from 1; each device has a block of consecutive numbers, in the order in which it runs its cells:
// when the sweep has control cells, the first and the last of them.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/schedule/control.hpp"
#include "coordinator/schedule/plan.hpp"
#include "coordinator/schedule/records.hpp"

namespace rsg::schedule {

class Sweep {
 public:
  /// One cell on one device, as small as it can be: a fleet has hundreds of thousands.
  struct Job {
    std::uint32_t cell = 0;    ///< index into cells()
    std::uint32_t device = 0;  ///< index into devices()
    v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
    v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
    std::uint32_t attempts = 0;
    std::uint32_t losses = 0;
    std::uint32_t failures = 0;
    std::uint32_t unstarted = 0;  ///< offers in a row that came to nothing; forgotten by a restart, as is the next one
    std::uint32_t returned = 0;   ///< times that it came back from an agent that left
    std::optional<double> ended_unix;
    std::string reason;
  };

  struct OnDevice {
    std::string id;
    std::string name;
    std::string machine_id;
    std::int64_t first_job = 0;
    std::int64_t jobs = 0;        ///< numbered from first_job on
    bool gave_slot_away = false;  ///< of a limited sweep: nothing of it is done there any more
    std::uint32_t remaining = 0;  ///< jobs that have not ended, without control jobs; likewise the next two
    std::uint32_t timed = 0;      ///< jobs whose duration is known
    double timed_seconds = 0;     ///< of these
  };

  /// `plan` is what a device that joins gets, between control cells when the spec says so.
  Sweep(SweepRecord record, std::vector<PlannedCell> plan);

  SweepRecord record;
  std::optional<double> open_until;  ///< monotonic; absent: as long as there are jobs

  /// Says what kind of device it goes to, which decides the control cells; before the first device.
  void Decide(v1::DeviceKind kind);
  /// Appends the device's block of jobs: QUEUED, or SKIPPED where `models` and the device cannot run the cell. Returns
  /// the first number; the block has jobs_each() jobs.
  std::int64_t AddDevice(const v1::Device& device, const v1::MachineFacts& machine, double now_unix);
  /// The same with these of cells() only, between control cells when the spec says so.
  std::int64_t AddDevice(const v1::Device& device, const v1::MachineFacts& machine,
                         std::span<const std::uint32_t> cells, double now_unix);
  /// Indices into cells() of what the device has not ended, ascending; without control cells.
  std::vector<std::uint32_t> CellsLeft(const OnDevice& device) const;
  /// Puts back a stored job; in the order of their numbers.
  void Restore(const JobRecord& job);

  // Where a job stands. Counts follow.
  void Queue(std::int64_t job);
  void Assign(std::int64_t job);  ///< counts an attempt
  void Run(std::int64_t job);
  void End(std::int64_t job, v1::Outcome outcome, std::string reason, double now_unix);
  /// An ended job gets new budgets and is queued.
  void Retry(std::int64_t job);
  Job& job(std::int64_t number) { return jobs_[static_cast<std::size_t>(number - 1)]; }
  const Job& job(std::int64_t number) const { return jobs_[static_cast<std::size_t>(number - 1)]; }
  /// Keeps what a control job has measured: throughput, interval and verdict of `shown`, and its agent's name.
  void KeepControl(std::int64_t job, const v1::Job& shown);
  /// Says how long a job took that ended just now.
  void Time(std::int64_t job, double seconds);

  std::int64_t job_count() const { return static_cast<std::int64_t>(jobs_.size()); }
  std::uint32_t remaining() const { return remaining_; }  ///< that have not ended, control jobs included
  std::uint32_t measurements_left() const { return remaining_ - controls_left_; }
  std::uint32_t jobs_each() const { return planned_; }
  /// What each device is to measure, without control cells.
  std::span<const PlannedCell> plan() const;
  bool IsControl(std::int64_t number) const { return cell(number).role == v1::ROLE_CONTROL; }
  /// The device's control job, kControlStart or kControlEnd; 0 when it has none.
  std::int64_t ControlOf(const OnDevice& device, std::uint32_t which) const;
  const std::vector<OnDevice>& devices() const { return devices_; }
  std::span<const PlannedCell> cells() const { return cells_; }
  const PlannedCell& cell(std::int64_t number) const { return cells_[job(number).cell]; }
  const OnDevice& device(std::int64_t number) const { return devices_[job(number).device]; }

  JobRecord Record(std::int64_t number) const;
  v1::Job View(std::int64_t number) const;
  v1::JobCounts Counts() const;  ///< without control jobs
  /// Of the devices that have control jobs, at most kMostDriftShown.
  google::protobuf::RepeatedPtrField<v1::Drift> Drift() const;
  bool HasDevice(const std::string& device_id) const { return by_id_.contains(device_id); }
  /// Whether the machine has a device of that name in the sweep, and how many machines have.
  bool HasMachine(const std::string& device_name, const std::string& machine_id) const;
  std::size_t Machines(const std::string& device_name) const;
  /// The device is to have no more of it; see slots.cpp, which ends what it had still to do.
  void GiveSlotAway(std::size_t device) { devices_[device].gave_slot_away = true; }
  /// Whether a device of that name on that machine has.
  bool HasGivenSlotAway(const std::string& device_name, const std::string& machine_id) const;
  /// Jobs that have not ended and differ from `number` in nothing but a larger batch size (and the repeat); control
  /// jobs are in nobody's series.
  std::vector<std::int64_t> LargerBatchSizes(std::int64_t number) const;

 private:
  std::uint32_t DeviceIndex(const std::string& id, const std::string& name, const std::string& machine_id);
  std::uint32_t CellIndex(const JobRecord& job);
  Job& Append(std::uint32_t cell, std::uint32_t device);
  void SetState(Job& job, v1::JobState state, v1::Outcome outcome);
  void Count(const Job& job, int change);
  void CountLeft(const Job& job, int change);

  std::vector<PlannedCell> cells_;  // control, the plan, control; then cells of stored jobs that are no longer planned
  std::uint32_t planned_;
  std::vector<OnDevice> devices_;
  std::map<std::string, std::uint32_t, std::less<>> by_id_;
  std::map<std::string, std::uint32_t> by_cell_;  // filled by Restore
  std::vector<Job> jobs_;
  std::uint32_t remaining_ = 0;
  std::uint32_t controls_left_ = 0;
  std::map<std::int64_t, v1::Job> measured_controls_;  // by job
  std::map<std::pair<v1::JobState, v1::Outcome>, std::uint32_t> counts_;
};

/// The counts of jobs by state and outcome.
void CountJob(v1::JobState state, v1::Outcome outcome, std::uint32_t times, v1::JobCounts* counts);

}  // namespace rsg::schedule
