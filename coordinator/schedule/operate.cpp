// What the operator does to sweeps and tokens, but for submitting.
#include <fmt/format.h>

#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {
namespace {

absl::Status UnknownSweep(std::int64_t sweep) {
  return absl::NotFoundError(fmt::format("sweep: {} is unknown; 'rsg sweep list' shows all", SweepId(sweep)));
}

// A control job is tried again only beside one that measures: alone it would tell nothing of what was measured before.
// Nothing is tried again where the slot is another machine's by now.
bool CanBeRetried(const Sweep& sweep, std::int64_t number) {
  const Sweep::Job& job = sweep.job(number);
  return job.state == v1::JOB_STATE_ENDED && !sweep.IsControl(number) && !sweep.device(number).gave_slot_away &&
         (job.outcome == v1::OUTCOME_FAILED || job.outcome == v1::OUTCOME_LOST);
}

}  // namespace

absl::StatusOr<v1::CancelSweepResponse> Coordinator::CancelSweep(std::int64_t number, const Now& now,
                                                                 Effects& effects) {
  Advance(now);
  const auto found = sweeps_.find(number);
  if (found == sweeps_.end()) return UnknownSweep(number);
  Sweep& sweep = found->second;
  const std::string reason = "cancelled by the operator";
  v1::CancelSweepResponse response;
  response.set_cancelled_jobs(sweep.measurements_left());
  // Attempts first. Their jobs go back to the queue, as after any end that is nobody's fault, and are cancelled with
  // it.
  std::vector<AttemptKey> running;
  for (auto at = attempts_.lower_bound({.job = {.sweep = number, .job = 0}, .attempt = 0});
       at != attempts_.end() && at->first.job.sweep == number; ++at)
    running.push_back(at->first);
  for (const AttemptKey& key : running)
    CancelAttempt(attempts_.at(key), {.outcome = v1::OUTCOME_CANCELLED, .error = reason, .job = v1::OUTCOME_CANCELLED},
                  reason, now, effects);
  for (std::int64_t job = 1; job <= sweep.job_count(); ++job)
    if (sweep.job(job).state != v1::JOB_STATE_ENDED)
      EndJob({.sweep = number, .job = job}, v1::OUTCOME_CANCELLED, reason, now, effects);
  EndSweep(sweep, v1::SWEEP_STATE_CANCELLED, now, effects);
  Settle(now, effects);
  return response;
}

absl::StatusOr<v1::RetrySweepResponse> Coordinator::RetrySweep(std::int64_t number, std::optional<Ended> ended,
                                                               const Now& now, Effects& effects) {
  Advance(now);
  auto found = sweeps_.find(number);
  v1::RetrySweepResponse response;
  if (found == sweeps_.end()) {
    if (!ended) return UnknownSweep(number);
    if (ended->sweep.state == v1::SWEEP_STATE_CANCELLED)
      return absl::FailedPreconditionError(
          fmt::format("sweep: {} was cancelled; submit it again instead", SweepId(number)));
    auto plan = PlanCells(ended->sweep.spec);
    if (!plan.ok()) return plan.status();
    Sweep sweep(std::move(ended->sweep), *std::move(plan));
    bool any = false;
    for (const JobRecord& job : ended->jobs) {
      sweep.Restore(job);
      any = any || CanBeRetried(sweep, sweep.job_count());
    }
    for (const v1::Job& control : ended->controls)
      if (const auto key = ParseJobId(control.job_id())) RestoreControl(sweep, key->job, control);
    if (!any) return response;  // it stays as it ended
    sweep.record.state = v1::SWEEP_STATE_RUNNING;
    sweep.record.ended_unix.reset();
    // Reopened for what it had, not for newcomers; after a restart neither.
    sweep.record.spec.mutable_devices()->set_open_for_seconds(0);
    sweep.open_until = now.monotonic;
    effects.changes.push_back(PutSweep{sweep.record});
    found = sweeps_.emplace(number, std::move(sweep)).first;
  }
  Sweep& sweep = found->second;
  for (std::int64_t job = 1; job <= sweep.job_count(); ++job) {
    if (!CanBeRetried(sweep, job)) continue;
    sweep.Retry(job);
    PutJobChange(sweep, job, effects);
    RetryControls(sweep, sweep.device(job), effects);
    response.set_queued_jobs(response.queued_jobs() + 1);
  }
  Settle(now, effects);
  return response;
}

absl::StatusOr<Tokens::Made> Coordinator::CreateToken(const v1::CreateTokenRequest& request, const Now& now,
                                                      Effects& effects) {
  Advance(now);
  auto made = tokens_.Make(request.uses(), request.valid_seconds(), now.unix, random_);
  if (made.ok()) effects.changes.push_back(PutToken{made->record});
  return made;
}

absl::Status Coordinator::RevokeToken(const v1::RevokeTokenRequest& request, Effects& effects) {
  auto revoked = tokens_.Revoke(request.token_id());
  if (!revoked.ok()) return revoked.status();
  effects.changes.push_back(PutToken{*std::move(revoked)});
  return absl::OkStatus();
}

}  // namespace rsg::schedule
