#include "coordinator/wandb/plan.hpp"

#include <algorithm>
#include <cmath>

namespace rsg::wandb {
namespace {

constexpr double kMostRetryAfter = 3600;

Plan PlanStream(const store::UnsentRun& unsent, const RunTimers& timers, const Pace& pace) {
  const schedule::WandbRun& run = unsent.run;
  const double free = timers.last_stream + pace.stream_gap;
  // What may have arrived already is sent again as it was.
  if (run.chunk_end)
    return {.step = Step::kChunk, .due = free, .chunk_end = *run.chunk_end, .chunk_exit = run.chunk_exit};
  if (!run.files_sent) return {.step = Step::kFiles, .due = free};

  const std::uint32_t most = std::max(1U, std::min(pace.most_lines, timers.most_lines));
  const std::uint32_t pending = unsent.lines - run.lines_sent;
  Plan chunk{.step = Step::kChunk, .due = free, .chunk_end = run.lines_sent + std::min(pending, most)};
  if (unsent.ended) {
    if (chunk.chunk_end == unsent.lines) chunk.chunk_exit = unsent.outcome == v1::OUTCOME_COMPLETED ? 0 : 1;
    return chunk;
  }
  if (pending == 0) return {.step = Step::kHeartbeat, .due = timers.last_stream + pace.heartbeat};
  if (pending < most && run.lines_sent > 0) chunk.due = timers.last_stream + pace.batch;
  return chunk;
}

}  // namespace

Plan NextStep(const store::UnsentRun& unsent, const RunTimers& timers, const Pace& pace) {
  Plan plan;
  switch (unsent.run.phase) {
    case schedule::WandbPhase::kNew:
      plan.step = Step::kUpsert;
      break;
    case schedule::WandbPhase::kStreaming:
      plan = PlanStream(unsent, timers, pace);
      break;
    default:
      plan.step = unsent.ended && unsent.lines <= unsent.run.lines_sent ? Step::kVerify : Step::kReopen;
  }
  plan.due = std::max({plan.due, timers.since, timers.not_before});
  return plan;
}

double Backoff(unsigned failures, std::optional<double> retry_after, const Pace& pace) {
  const double own =
      std::min(pace.first_backoff * std::exp2(std::min(failures, 30U) - (failures > 0 ? 1U : 0U)), pace.last_backoff);
  return std::max(own, std::min(retry_after.value_or(0), kMostRetryAfter));
}

}  // namespace rsg::wandb
