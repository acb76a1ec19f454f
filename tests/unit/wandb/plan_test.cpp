// What is next for a run, and when.
#include "coordinator/wandb/plan.hpp"

#include <gtest/gtest.h>

namespace rsg::wandb {
namespace {

using schedule::WandbPhase;

store::UnsentRun RunIn(WandbPhase phase, std::uint32_t lines = 1, std::uint32_t sent = 0) {
  store::UnsentRun run;
  run.run.phase = phase;
  run.run.files_sent = true;
  run.run.lines_sent = sent;
  run.lines = lines;
  return run;
}

store::UnsentRun Ended(store::UnsentRun run, v1::Outcome outcome = v1::OUTCOME_COMPLETED) {
  run.ended = true;
  run.outcome = outcome;
  return run;
}

RunTimers At(double last_stream, double since = 0) {
  RunTimers timers;
  timers.last_stream = last_stream;
  timers.since = since;
  return timers;
}

TEST(Plan, BeginsByMakingTheRunKnown) { EXPECT_EQ(NextStep(RunIn(WandbPhase::kNew), {}, {}).step, Step::kUpsert); }

TEST(Plan, SendsTheFactsAtOnceAndWindowsInBatches) {
  const Plan facts = NextStep(RunIn(WandbPhase::kStreaming), At(-1e9, 100), {});
  EXPECT_EQ(facts.step, Step::kChunk);
  EXPECT_EQ(facts.chunk_end, 1U);
  EXPECT_EQ(facts.due, 100);
  const Plan windows = NextStep(RunIn(WandbPhase::kStreaming, 9, 1), At(100), {});
  EXPECT_EQ(windows.chunk_end, 9U);
  EXPECT_EQ(windows.due, 115);
  EXPECT_FALSE(windows.chunk_exit);
  const Plan many = NextStep(RunIn(WandbPhase::kStreaming, 5000, 1), At(100), {});
  EXPECT_EQ(many.chunk_end, 1001U);
  EXPECT_LT(many.due, 101) << "a full chunk does not wait";
}

TEST(Plan, ShowsThatTheRunLives) {
  const Plan idle = NextStep(RunIn(WandbPhase::kStreaming, 9, 9), At(100), {});
  EXPECT_EQ(idle.step, Step::kHeartbeat);
  EXPECT_EQ(idle.due, 130);
}

TEST(Plan, EndsTheRunWithItsLastLines) {
  const Plan end = NextStep(Ended(RunIn(WandbPhase::kStreaming, 9, 1)), At(100), {});
  EXPECT_EQ(end.chunk_end, 9U);
  EXPECT_EQ(end.chunk_exit, 0);
  EXPECT_LT(end.due, 101);
  const auto failed = Ended(RunIn(WandbPhase::kStreaming, 9, 1), v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(NextStep(failed, At(100), {}).chunk_exit, 1);
  const Plan part = NextStep(Ended(RunIn(WandbPhase::kStreaming, 5000, 1)), At(100), {});
  EXPECT_EQ(part.chunk_end, 1001U);
  EXPECT_FALSE(part.chunk_exit);
  const Plan none = NextStep(Ended(RunIn(WandbPhase::kStreaming, 9, 9)), At(100), {});
  EXPECT_EQ(none.step, Step::kChunk);
  EXPECT_EQ(none.chunk_exit, 0) << "all lines are there, only the end is missing";
}

TEST(Plan, RepeatsWhatWasDecidedWhateverHasHappenedSince) {
  auto run = Ended(RunIn(WandbPhase::kStreaming, 90, 1));
  run.run.chunk_end = 5;
  const Plan plan = NextStep(run, At(100), {});
  EXPECT_EQ(plan.chunk_end, 5U);
  EXPECT_FALSE(plan.chunk_exit);
}

TEST(Plan, ReadsBackWhatHasEndedAndReopensWhatGoesOn) {
  EXPECT_EQ(NextStep(Ended(RunIn(WandbPhase::kCompleted, 9, 9)), {}, {}).step, Step::kVerify);
  EXPECT_EQ(NextStep(RunIn(WandbPhase::kCompleted, 9, 9), {}, {}).step, Step::kReopen);
  EXPECT_EQ(NextStep(Ended(RunIn(WandbPhase::kCompleted, 12, 9)), {}, {}).step, Step::kReopen);
}

TEST(Plan, KeepsRequestsToARunApart) {
  EXPECT_GE(NextStep(Ended(RunIn(WandbPhase::kStreaming, 9, 1)), At(100), {}).due, 100.5);
  RunTimers failed = At(100);
  failed.not_before = 160;
  EXPECT_EQ(NextStep(Ended(RunIn(WandbPhase::kStreaming, 9, 1)), failed, {}).due, 160);
}

TEST(Backoff, DoublesUpToAMinuteAndHonoursTheServer) {
  EXPECT_EQ(Backoff(1, std::nullopt, {}), 2);
  EXPECT_EQ(Backoff(2, std::nullopt, {}), 4);
  EXPECT_EQ(Backoff(5, std::nullopt, {}), 32);
  EXPECT_EQ(Backoff(6, std::nullopt, {}), 60);
  EXPECT_EQ(Backoff(4'000'000'000U, std::nullopt, {}), 60);
  EXPECT_EQ(Backoff(1, 90, {}), 90);
  EXPECT_EQ(Backoff(3, 1, {}), 8);
  EXPECT_EQ(Backoff(1, 1e9, {}), 3600);
}

}  // namespace
}  // namespace rsg::wandb
