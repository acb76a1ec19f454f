// Runs as they come to stand in W&B, and what holds nothing up when it does not answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarder_fixture.hpp"

namespace rsg::wandb {
namespace {

using nlohmann::json;
using schedule::WandbPhase;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(ForwarderTest, ACompletedJobIsOneFinishedRunWithAllItsLines) {
  PutCompleted(1);
  Go(10);
  ASSERT_EQ(Phase(1), WandbPhase::kDone);
  const FakeWandb::Run& run = RunAt(1);
  EXPECT_EQ(run.state, "finished");
  EXPECT_EQ(run.project, "ready-steady-go");
  EXPECT_EQ(run.upsert["displayName"], "RTX 3090 · resnet50 · bs 256 · fp16");
  ASSERT_EQ(run.history.size(), 7U);
  for (std::size_t i = 0; i < run.history.size(); ++i) EXPECT_EQ(json::parse(run.history[i])["_step"], i);
  EXPECT_EQ(json::parse(run.history[3])["window/sequence"], 3);
  EXPECT_EQ(json::parse(run.history[3])["telemetry/power_watts"], 350.0);
  EXPECT_EQ(json::parse(run.history[6])["throughput"], 100.0);
  EXPECT_TRUE(run.summary["throughput"].is_number_float());
  EXPECT_EQ(run.summary["device_name"], "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(wandb_.requests(), 3U) << "known, filled and ended, read back";
  EXPECT_THAT(wandb_.violations(), ElementsAre());
}

TEST_F(ForwarderTest, FilesGoWithTheRun) {
  store::RunContent run = RunOf(1);
  run.cpu_info = "processor: 0";
  run.gpu_info = "GPU 00000000:01:00.0";
  AddAttempt(&run, 5, v1::OUTCOME_COMPLETED);
  outbox_.Put(run);
  wandb_.Answer({200, 200, 200, 503});  // the second file, once
  Go(20);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
  EXPECT_EQ(RunAt(1).files["gpu-info.txt"], "GPU 00000000:01:00.0");
  EXPECT_EQ(RunAt(1).files["cpu-info.txt"], "processor: 0");
  EXPECT_THAT(RunAt(1).uploaded, ElementsAre("gpu-info.txt", "cpu-info.txt"));
  EXPECT_EQ(RunAt(1).history.size(), 7U);
  EXPECT_THAT(wandb_.violations(), ElementsAre());
}

TEST_F(ForwarderTest, AJobThatRanOutOfMemoryIsAFailedRun) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 1, v1::OUTCOME_OUT_OF_MEMORY);
  outbox_.Put(run);
  Go(10);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
  EXPECT_EQ(RunAt(1).state, "failed");
  EXPECT_EQ(RunAt(1).summary["outcome"], "OUT_OF_MEMORY");
  EXPECT_FALSE(RunAt(1).summary.contains("throughput"));
}

TEST_F(ForwarderTest, ARunningJobIsSeenToMove) {
  store::RunContent run = RunOf(1);
  AddRunning(&run, 0);
  outbox_.Put(run);
  Go(2);
  EXPECT_EQ(RunAt(1).history.size(), 1U) << "the facts are there at once";
  EXPECT_EQ(RunAt(1).state, "running");
  for (std::uint32_t windows = 1; windows <= 60; ++windows) {
    run.attempts.back().last_sequence = windows;
    outbox_.Put(run);
    Go(1);
    EXPECT_GE(RunAt(1).history.size() + 17, windows) << "no line waits longer than a batch";
  }
  EXPECT_LE(wandb_.of(Call::kStream), 6U) << "four batches in a minute";
  const std::uint64_t before = wandb_.of(Call::kHeartbeat);
  Go(100);
  EXPECT_GE(wandb_.of(Call::kHeartbeat) - before, 2U) << "it shows that it lives when nothing comes";
  EXPECT_LE(wandb_.of(Call::kHeartbeat) - before, 4U);
  EXPECT_EQ(RunAt(1).state, "running");
}

TEST_F(ForwarderTest, ARetriedJobGoesOnInTheSameRun) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 2, v1::OUTCOME_FAILED);
  outbox_.Put(run);
  Go(10);
  EXPECT_EQ(RunAt(1).state, "failed");
  AddAttempt(&run, 3, v1::OUTCOME_COMPLETED);
  outbox_.Put(run);
  outbox_.at(1).run.phase = WandbPhase::kNew;  // as the store does when an attempt starts
  ++outbox_.at(1).run.revision;
  Go(10);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
  EXPECT_EQ(wandb_.runs().size(), 1U);
  EXPECT_EQ(RunAt(1).state, "finished");
  EXPECT_EQ(RunAt(1).history.size(), 8U);
  EXPECT_EQ(RunAt(1).summary["throughput"], 100.0);
  EXPECT_THAT(wandb_.violations(), ElementsAre());
}

TEST_F(ForwarderTest, LostSummaryIsMended) {
  PutCompleted(1);
  wandb_.LoseNextSummary();
  Go(20);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
  EXPECT_EQ(wandb_.of(Call::kRepair), 1U);
  EXPECT_EQ(RunAt(1).summary["throughput"], 100.0);
  EXPECT_EQ(RunAt(1).state, "finished");
}

TEST_F(ForwarderTest, WhileWandbIsDownItIsAskedNowAndThenOnly) {
  for (std::int64_t job = 1; job <= 200; ++job) PutCompleted(job);
  wandb_.AnswerAlways(503);
  Go(3600);
  EXPECT_LT(wandb_.requests(), 100U);
  EXPECT_GT(wandb_.requests(), 30U);
  EXPECT_THAT(forwarder_->status().last_error, HasSubstr("HTTP 503"));
  FakeWandb up(&clock_);
  Forwarder::Options options;
  options.target.project = "p";
  Forwarder forwarder(options, &outbox_, &up, &clock_);
  RunFor(&forwarder, &clock_, 200);
  EXPECT_TRUE(outbox_.AllDone());
  EXPECT_EQ(up.runs().size(), 200U);
}

TEST_F(ForwarderTest, NothingIsSentThatIsNotWrittenDownBefore) {
  PutCompleted(1);
  outbox_.broken = absl::UnavailableError("the disk is full");
  Go(30);
  EXPECT_EQ(wandb_.of(Call::kStream), 0U);
  EXPECT_LT(wandb_.requests(), 20U);
  EXPECT_THAT(forwarder_->status().last_error, HasSubstr("the disk is full"));
  outbox_.broken = absl::OkStatus();
  Go(30);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
}

TEST_F(ForwarderTest, AnOutboxThatCannotBeReadIsTriedAgainNowAndThen) {
  PutCompleted(1);
  outbox_.unreadable = absl::UnavailableError("disk I/O error");
  int calls = 0;
  for (const double end = clock_.Monotonic() + 60; clock_.Monotonic() < end; ++calls)
    clock_.Advance(std::max(forwarder_->Run(), 1e-3));
  EXPECT_LT(calls, 200);
  EXPECT_EQ(wandb_.requests(), 0U);
  EXPECT_THAT(forwarder_->status().last_error, HasSubstr("disk I/O error"));
  outbox_.unreadable = absl::OkStatus();
  Go(30);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
}

TEST_F(ForwarderTest, AStorageThatDoesNotAnswerDoesNotHoldTheRunUp) {
  store::RunContent run = RunOf(1);
  run.cpu_info = "processor: 0";
  AddAttempt(&run, 5, v1::OUTCOME_COMPLETED);
  outbox_.Put(run);
  wandb_.BreakStorage();
  Go(200);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
  EXPECT_TRUE(RunAt(1).uploaded.empty());
  EXPECT_EQ(RunAt(1).history.size(), 7U);
}

TEST_F(ForwarderTest, AStorageThatWantsToBeLeftAloneHoldsNothingUp) {
  store::RunContent run = RunOf(1);
  run.cpu_info = "processor: 0";
  AddAttempt(&run, 5, v1::OUTCOME_COMPLETED);
  outbox_.Put(run);
  PutCompleted(2);
  wandb_.BreakStorage(/*retry_after=*/3600);
  Go(20);
  EXPECT_EQ(Phase(2), WandbPhase::kDone);
  Go(180);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
}

TEST_F(ForwarderTest, ARestartRepeatsAChunkThatMayHaveArrivedAsItWas) {
  store::RunContent run = RunOf(1);
  AddRunning(&run, 3);
  outbox_.Put(run);
  while (wandb_.of(Call::kUpsert) == 0) clock_.Advance(std::max(forwarder_->Run(), 1e-3));
  clock_.Advance(1);
  wandb_.Answer({200});
  // Down after the chunk was decided and before it is confirmed; meanwhile the job has ended.
  outbox_.at(1).run.chunk_end = 4;
  AddAttempt(&run, 0, v1::OUTCOME_COMPLETED);
  run.attempts.erase(run.attempts.begin());
  run.attempts.front().key.attempt = 1;
  run.attempts.front().last_sequence = 9;
  outbox_.Put(run);
  Restart();
  while (RunAt(1).history.empty()) clock_.Advance(std::max(forwarder_->Run(), 1e-3));
  EXPECT_EQ(RunAt(1).history.size(), 4U);
  EXPECT_EQ(RunAt(1).state, "running");
  Go(10);
  EXPECT_EQ(RunAt(1).history.size(), 11U);
  EXPECT_EQ(RunAt(1).state, "finished");
  EXPECT_THAT(wandb_.violations(), ElementsAre());
}

}  // namespace
}  // namespace rsg::wandb
