// Control jobs: what is particular about them. Their order needs little: a device runs its jobs by their numbers, one
// at a time, they have the first and the last number of its block, and are not handed out beside others
// (coordinator.cpp).
#include <fmt/format.h>

#include "common/words.hpp"
#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {

v1::Limits Coordinator::LimitsOf(const Sweep& sweep, std::int64_t job) {
  const v1::Limits& limits = sweep.record.spec.limits();
  return sweep.IsControl(job) ? ControlLimits(limits) : limits;
}

void Coordinator::KeepControl(Sweep& sweep, const Attempt& attempt, const v1::Result& result) {
  if (!sweep.IsControl(attempt.key.job.job)) return;
  v1::Job shown;
  shown.set_agent_name(attempt.agent->record.name);
  shown.set_throughput(result.throughput());
  if (result.has_ci_low()) shown.set_ci_low(result.ci_low());
  if (result.has_ci_high()) shown.set_ci_high(result.ci_high());
  shown.set_verdict(result.verdict());
  sweep.KeepControl(attempt.key.job.job, shown);
}

void Coordinator::RestoreControl(Sweep& sweep, std::int64_t job, const v1::Job& shown) {
  const bool measured = shown.outcome() == v1::OUTCOME_COMPLETED && shown.has_throughput();
  if (measured && job <= sweep.job_count() && sweep.IsControl(job)) sweep.KeepControl(job, shown);
}

void Coordinator::SkipControlWithoutStart(Sweep& sweep, std::int64_t job, const Now& now, Effects& effects) {
  const Sweep::OnDevice& device = sweep.device(job);
  if (sweep.ControlOf(device, kControlStart) != job || sweep.job(job).outcome == v1::OUTCOME_COMPLETED) return;
  const std::int64_t end = sweep.ControlOf(device, kControlEnd);
  if (end == 0 || sweep.job(end).state != v1::JOB_STATE_QUEUED) return;
  const std::int64_t number = sweep.record.sweep;
  EndJob({.sweep = number, .job = end}, v1::OUTCOME_SKIPPED,
         fmt::format("nothing to compare with: {} at the start ended {}", Id(JobKey{.sweep = number, .job = job}),
                     Word(sweep.job(job).outcome)),
         now, effects);
}

bool Coordinator::IsGone(const std::string& device_id) const {
  const Agent* owner = devices_.Owner(device_id);
  // After a restart nobody owns anything until the agents are back.
  if (owner == nullptr) return active_ >= settings_.lost_after_seconds;
  return owner->session == 0 && active_ - owner->heard >= settings_.lost_after_seconds;
}

void Coordinator::GiveUpControlsOfGoneMachines(Sweep& sweep, const Now& now, Effects& effects) {
  // All is measured: a machine that is not there any more must not keep the sweep from its end.
  if (sweep.job_count() == 0 || sweep.remaining() == 0 || sweep.measurements_left() > 0) return;
  const std::string reason = "the machine had left";
  for (const Sweep::OnDevice& device : sweep.devices())
    for (const std::uint32_t which : {kControlStart, kControlEnd}) {
      const std::int64_t job = sweep.ControlOf(device, which);
      if (job == 0 || sweep.job(job).state == v1::JOB_STATE_ENDED || !IsGone(device.id)) continue;
      const JobKey key{.sweep = sweep.record.sweep, .job = job};
      const auto attempt = attempts_.find({.job = key, .attempt = sweep.job(job).attempts});
      if (attempt == attempts_.end())
        EndJob(key, v1::OUTCOME_SKIPPED, reason, now, effects);
      else
        CancelAttempt(attempt->second, {.outcome = v1::OUTCOME_LOST, .error = reason, .job = v1::OUTCOME_LOST}, reason,
                      now, effects);
    }
}

void Coordinator::RetryControls(Sweep& sweep, const Sweep::OnDevice& device, Effects& effects) {
  const auto retry = [&](std::int64_t job) {
    sweep.Retry(job);
    PutJobChange(sweep, job, effects);
  };
  const auto ended = [&](std::int64_t job, v1::Outcome outcome) {
    return job != 0 && sweep.job(job).state == v1::JOB_STATE_ENDED && sweep.job(job).outcome == outcome;
  };
  const std::int64_t start = sweep.ControlOf(device, kControlStart);
  const std::int64_t end = sweep.ControlOf(device, kControlEnd);
  if (ended(start, v1::OUTCOME_FAILED) || ended(start, v1::OUTCOME_LOST)) retry(start);
  const bool comparable =
      start != 0 && (sweep.job(start).state != v1::JOB_STATE_ENDED || ended(start, v1::OUTCOME_COMPLETED));
  if (comparable && (ended(end, v1::OUTCOME_FAILED) || ended(end, v1::OUTCOME_LOST) || ended(end, v1::OUTCOME_SKIPPED)))
    retry(end);
}

}  // namespace rsg::schedule
