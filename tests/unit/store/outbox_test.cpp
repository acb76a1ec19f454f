// The outbox of W&B: which jobs get a run, what it consists of, who may change it.
#include "coordinator/store/outbox.hpp"

#include <gmock/gmock.h>

#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;
using testing::ElementsAre;

class OutboxTest : public StoreTest {
 protected:
  OutboxTest() : store_(OpenStore()) {
    store_->ForwardNewJobs(WandbTarget{});
    Apply(BaseChanges());
    auto reader = OutboxReader::Open(database_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    reader_ = *std::move(reader);
  }
  void Apply(const Changes& changes) {
    const absl::Status applied = store_->Apply(changes);
    ASSERT_TRUE(applied.ok()) << applied;
  }
  void Start(const AttemptKey& key) { Apply({StartAttempt{key, kLease, 1700000002}}); }
  UnsentRun Run(const JobKey& job) { return reader_->Find(job, {})->value(); }
  std::vector<std::string> Runs() { return Ask("SELECT 's' || sweep || '.' || job FROM wandb_runs ORDER BY 1"); }
  void SetPhase(const JobKey& job, WandbPhase phase) {
    WandbRun run = Run(job).run;
    run.phase = phase;
    Apply({AdvanceWandbRun{run, 1700000100}});
  }

  std::unique_ptr<Store> store_;
  std::unique_ptr<OutboxReader> reader_;
  const AttemptKey attempt_{{1, 1}, 1};
};

TEST_F(OutboxTest, ARunIsOpenedWithTheStartOfItsJob) {
  EXPECT_THAT(Runs(), ElementsAre());
  Start(attempt_);
  EXPECT_THAT(Runs(), ElementsAre("s1.1"));
  const UnsentRun run = Run({1, 1});
  EXPECT_EQ(run.run.phase, WandbPhase::kNew);
  EXPECT_TRUE(run.run.run_id.starts_with("s1-1-")) << run.run.run_id;
  EXPECT_EQ(run.run.run_id.size(), 5U + 16);
  EXPECT_FALSE(run.ended);
  EXPECT_EQ(run.lines, 1U);
}

TEST_F(OutboxTest, NothingIsKeptWhileForwardingIsOff) {
  store_->ForwardNewJobs(std::nullopt);
  Start(attempt_);
  Apply({PutMachineTexts{"a-1", "cpu", "gpu"}});
  EXPECT_THAT(Runs(), ElementsAre());
  EXPECT_EQ(AskOne("SELECT COUNT(*) FROM machine_texts"), "0");
}

TEST_F(OutboxTest, ControlJobsAndJobsThatWereNeverTriedHaveNoRun) {
  auto control = JobOf(1, 3);
  control.role = v1::ROLE_CONTROL;
  Apply(CompletedJob(control, 100));
  const AttemptKey lost{{1, 4}, 1};
  const AttemptKey failed{{1, 5}, 1};
  const AttemptKey skipped{{1, 7}, 1};
  Apply({PutJob{JobOf(1, 4)}, InsertAttempt{AttemptOf(lost)}, EndOf(lost, v1::OUTCOME_LOST), PutJob{JobOf(1, 5)},
         InsertAttempt{AttemptOf(failed)}, EndOf(failed, v1::OUTCOME_FAILED),
         PutJob{EndedJob(JobOf(1, 6), v1::OUTCOME_SKIPPED)}, PutJob{JobOf(1, 7)}, InsertAttempt{AttemptOf(skipped)},
         EndOf(skipped, v1::OUTCOME_SKIPPED)});
  EXPECT_THAT(Runs(), ElementsAre("s1.5")) << "it tells something although it never started";
  EXPECT_EQ(Run({1, 5}).lines, 2U);
}

TEST_F(OutboxTest, LinesAreFactsWindowsAndEnds) {
  Start(attempt_);
  Apply({AppendWindows{attempt_, kLease, WindowsOf(1, 7)}});
  EXPECT_EQ(Run({1, 1}).lines, 8U);
  const AttemptKey second{{1, 1}, 2};
  Apply({EndOf(attempt_, v1::OUTCOME_LOST), InsertAttempt{AttemptOf(second)}});
  EXPECT_EQ(Run({1, 1}).lines, 9U);
  Apply({EndOf(second, v1::OUTCOME_COMPLETED, ResultOf(500)), PutJob{EndedJob(JobOf(1, 1), v1::OUTCOME_COMPLETED)}});
  const UnsentRun run = Run({1, 1});
  EXPECT_EQ(run.lines, 10U);
  EXPECT_TRUE(run.ended);
  EXPECT_EQ(run.outcome, v1::OUTCOME_COMPLETED);
}

TEST_F(OutboxTest, ContentIsAllThatLinesRestOn) {
  Apply({PutMachineTexts{"a-1", "processor: 0", ""}});
  Start(attempt_);
  auto agent = AgentOf("a-1");
  agent.machine.set_hostname("renamed");
  Apply({PutAgent{agent}});
  auto windows = WindowsOf(1, 5);
  windows[2].set_drained_share(0.25);
  windows[2].mutable_telemetry()->set_readings(3);
  windows[2].mutable_telemetry()->set_power_watts(301.5);
  windows[2].mutable_telemetry()->set_used_memory_mib(900);
  Apply({AppendWindows{attempt_, kLease, windows}, EndOf(attempt_, v1::OUTCOME_COMPLETED, ResultOf(500))});
  const auto content = reader_->Content({1, 1}, {});
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(content->machine.hostname(), "host") << "as it was when the run was opened";
  EXPECT_EQ(content->agent, "name of a-1");
  EXPECT_EQ(content->cpu_info, "processor: 0");
  EXPECT_EQ(content->result->throughput(), 500);
  ASSERT_EQ(content->attempts.size(), 1U);
  EXPECT_EQ(content->attempts[0].lease_token, "") << "a secret";
  EXPECT_EQ(content->database_id.size(), 32U);
  const auto read = reader_->Windows(attempt_, 2, 3);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[0].SerializeAsString(), windows[1].SerializeAsString());
  EXPECT_EQ((*read)[1].SerializeAsString(), windows[2].SerializeAsString());
}

TEST_F(OutboxTest, OnlyWhoKnowsTheNewestStateMayChangeARun) {
  Start(attempt_);
  const WandbRun before = Run({1, 1}).run;
  WandbRun run = before;
  run.phase = WandbPhase::kStreaming;
  run.storage_id = "id";
  run.sent = {"me", "p"};
  run.lines_sent = 3;
  run.chunk_end = 5;
  run.chunk_exit = 0;
  Apply({AdvanceWandbRun{run, 1700000100}});
  const WandbRun after = Run({1, 1}).run;
  EXPECT_EQ(after.phase, WandbPhase::kStreaming);
  EXPECT_EQ(after.storage_id, "id");
  EXPECT_EQ(after.sent, (WandbTarget{"me", "p"}));
  EXPECT_EQ(after.chunk_end, 5U);
  EXPECT_EQ(after.chunk_exit, 0);
  EXPECT_EQ(after.revision, before.revision + 1);
  Apply({AdvanceWandbRun{before, 1700000100}});
  EXPECT_EQ(Run({1, 1}).run.lines_sent, 3U);
}

TEST_F(OutboxTest, ARetriedJobOpensItsRunAgain) {
  Start(attempt_);
  Apply({EndOf(attempt_, v1::OUTCOME_FAILED)});
  SetPhase({1, 1}, WandbPhase::kDone);
  EXPECT_TRUE(reader_->Unsent(10)->empty());
  const AttemptKey second{{1, 1}, 2};
  store_->ForwardNewJobs(std::nullopt);  // what has a run keeps it
  Apply({InsertAttempt{AttemptOf(second)}});
  Start(second);
  ASSERT_EQ(reader_->Unsent(10)->size(), 1U);
  EXPECT_EQ(Run({1, 1}).run.phase, WandbPhase::kNew);
}

TEST_F(OutboxTest, OperatorsRetryVerifyAndResend) {
  using Action = ReviseWandbRuns::Action;
  Start(attempt_);
  const std::string id = Run({1, 1}).run.run_id;
  SetPhase({1, 1}, WandbPhase::kStuck);
  EXPECT_EQ(reader_->Counts(1, std::nullopt)->stuck, 1U);
  Apply({ReviseWandbRuns{Action::kRetry, 2, std::nullopt}});
  EXPECT_EQ(Run({1, 1}).run.phase, WandbPhase::kStuck) << "another sweep's";
  Apply({ReviseWandbRuns{Action::kRetry, std::nullopt, std::nullopt}});
  EXPECT_EQ(Run({1, 1}).run.phase, WandbPhase::kNew);
  SetPhase({1, 1}, WandbPhase::kDone);
  Apply({ReviseWandbRuns{Action::kVerify, 1, 1}});
  EXPECT_EQ(Run({1, 1}).run.phase, WandbPhase::kCompleted);
  WandbRun run = Run({1, 1}).run;
  run.lines_sent = 9;
  run.storage_id = "id";
  Apply({AdvanceWandbRun{run, 1700000100}, ReviseWandbRuns{Action::kResend, 1, std::nullopt}});
  EXPECT_EQ(Run({1, 1}).run.lines_sent, 0U);
  EXPECT_EQ(Run({1, 1}).run.storage_id, "");
  EXPECT_EQ(Run({1, 1}).run.run_id, id);
  Apply({ReviseWandbRuns{Action::kResendAsNew, 1, 1}});
  EXPECT_EQ(Run({1, 1}).run.run_id, id + "-2");
  Apply({ReviseWandbRuns{Action::kResendAsNew, 1, 1}});
  EXPECT_EQ(Run({1, 1}).run.run_id, id + "-3");
}

TEST_F(OutboxTest, BackfillFindsWhatHasNoRun) {
  store_->ForwardNewJobs(std::nullopt);
  Apply(CompletedJob(JobOf(1, 3), 100));
  Apply(CompletedJob(JobOf(1, 4), 100));
  auto control = JobOf(1, 5);
  control.role = v1::ROLE_CONTROL;
  Apply(CompletedJob(control, 100));
  const auto keys = reader_->WithoutRun({}, std::nullopt, {}, 10);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(*keys, ElementsAre(JobKey{1, 3}, JobKey{1, 4}));
  EXPECT_THAT(*reader_->WithoutRun({}, std::nullopt, {1, 3}, 10), ElementsAre(JobKey{1, 4}));
  Apply({OpenWandbRun{{1, 3}, {}, 1700000100}, OpenWandbRun{{1, 3}, {}, 1700000100}});
  EXPECT_THAT(*reader_->WithoutRun({}, std::nullopt, {}, 10), ElementsAre(JobKey{1, 4}));
  EXPECT_THAT(*reader_->WithoutRun({"", "other"}, 1, {}, 10), ElementsAre(JobKey{1, 3}, JobKey{1, 4}));
  EXPECT_THAT(*reader_->WithoutRun({}, 2, {}, 10), ElementsAre());
}

TEST_F(OutboxTest, CountsTellHowItStands) {
  Start(attempt_);
  Apply({AppendWindows{attempt_, kLease, WindowsOf(1, 3)}});
  Apply(CompletedJob(JobOf(1, 3), 100));
  const auto counts = reader_->Counts(std::nullopt, std::nullopt);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->unsent, 2U);
  EXPECT_EQ(counts->running, 1U);
  EXPECT_EQ(counts->done, 0U);
  EXPECT_EQ(counts->unsent_lines, 4U + 62U);
  EXPECT_EQ(counts->oldest_unix, 1700000041.5);
  EXPECT_EQ(reader_->Counts(1, 3)->unsent, 1U);
}

}  // namespace
}  // namespace rsg::store
