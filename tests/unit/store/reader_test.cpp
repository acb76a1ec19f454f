// What readers answer: sweeps with counts, jobs by pages, sweeps for a retry.
#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;

class ReaderTest : public StoreTest {
 protected:
  ReaderTest() : store_(OpenStore()) { EXPECT_TRUE(store_->Apply(BaseChanges()).ok()); }

  void Put(JobRecord job, v1::JobState state, v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED) {
    job.state = state;
    job.outcome = outcome;
    ASSERT_TRUE(store_->Apply(Changes{PutJob{std::move(job)}}).ok());
  }

  std::unique_ptr<Store> store_;
};

TEST_F(ReaderTest, SweepsComeNewestFirstWithTheirCounts) {
  using enum v1::Outcome;
  auto ended = SweepOf(2);
  ended.state = v1::SWEEP_STATE_COMPLETED;
  ended.ended_unix = 1700000500.5;
  ASSERT_TRUE(store_->Apply(Changes{PutSweep{ended}, PutSweep{SweepOf(3)}}).ok());
  std::int64_t number = 0;
  for (const auto outcome : {OUTCOME_COMPLETED, OUTCOME_COMPLETED, OUTCOME_OUT_OF_MEMORY, OUTCOME_UNSUPPORTED,
                             OUTCOME_FAILED, OUTCOME_LOST, OUTCOME_CANCELLED, OUTCOME_SKIPPED}) {
    Put(JobOf(2, ++number), v1::JOB_STATE_ENDED, outcome);
  }
  auto job = JobOf(2, 9);
  job.device_id = "GPU-2";
  Put(job, v1::JOB_STATE_QUEUED);
  Put(JobOf(2, 10), v1::JOB_STATE_ASSIGNED);
  Put(JobOf(2, 11), v1::JOB_STATE_RUNNING);
  auto control = JobOf(2, 12);
  control.role = v1::ROLE_CONTROL;
  Put(control, v1::JOB_STATE_ENDED, OUTCOME_FAILED);  // is not counted

  auto reader = OpenReader();
  const auto sweeps = reader->ListSweeps(2);
  ASSERT_TRUE(sweeps.ok()) << sweeps.status();
  ASSERT_EQ(sweeps->size(), 2U);
  EXPECT_EQ(sweeps->at(0).sweep_id(), "s3");
  EXPECT_EQ(sweeps->at(0).counts().total(), 0U);
  const auto& status = sweeps->at(1);
  EXPECT_EQ(status.sweep_id(), "s2");
  EXPECT_EQ(status.state(), v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(status.ended_unix_seconds(), 1700000500.5);
  EXPECT_EQ(status.submitted_unix_seconds(), 1700000000.75);
  EXPECT_EQ(status.spec().models(1), "resnet50");
  EXPECT_EQ(status.cells(), 24U);  // 2 models, 3 batch sizes, 2 precisions, 2 repeats
  EXPECT_EQ(status.devices(), 2U);
  EXPECT_EQ(status.counts().total(), 11U);
  EXPECT_EQ(status.counts().queued(), 2U) << "what is assigned has not begun";
  EXPECT_EQ(status.counts().running(), 1U);
  EXPECT_EQ(status.counts().completed(), 2U);
  EXPECT_EQ(status.counts().out_of_memory(), 1U);
  EXPECT_EQ(status.counts().unsupported(), 1U);
  EXPECT_EQ(status.counts().failed(), 2U);
  EXPECT_EQ(status.counts().cancelled(), 1U);
  EXPECT_EQ(status.counts().skipped(), 1U);
  EXPECT_EQ(reader->ListSweeps(50)->size(), 3U);
}

TEST_F(ReaderTest, ASweepIsFoundWithAllItsJobs) {
  auto ended = SweepOf(1);
  ended.state = v1::SWEEP_STATE_COMPLETED;
  auto failed = EndedJob(JobOf(1, 2), v1::OUTCOME_FAILED);
  failed.reason = "killed by SIGSEGV";
  ASSERT_TRUE(store_->Apply(Changes{PutSweep{ended}, PutJob{failed}}).ok());
  auto reader = OpenReader();
  const auto found = reader->FindSweep(1);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(Text(found->sweep), Text(ended));
  ASSERT_EQ(found->jobs.size(), 2U);
  EXPECT_EQ(Text(found->jobs[0]), Text(JobOf(1, 1)));
  EXPECT_EQ(Text(found->jobs[1]), Text(failed));
  const auto missing = reader->FindSweep(4);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.status().ToString().find("s4"), std::string::npos);
}

TEST_F(ReaderTest, ASweepIsFoundWithItsControlJobsAsTheyAreShown) {
  auto control = JobOf(1, 3);
  control.role = v1::ROLE_CONTROL;
  control.repeat = 1;
  ASSERT_TRUE(store_->Apply(CompletedJob(control, 900)).ok());
  control.key.job = 4;
  control.repeat = 2;
  ASSERT_TRUE(store_->Apply(Changes{PutJob{control}}).ok());
  const auto found = OpenReader()->FindSweep(1);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->jobs.size(), 4U);
  ASSERT_EQ(found->controls.size(), 2U);
  EXPECT_EQ(found->controls[0].job_id(), "s1.3");
  EXPECT_EQ(found->controls[0].role(), v1::ROLE_CONTROL);
  EXPECT_EQ(found->controls[0].throughput(), 900);
  EXPECT_EQ(found->controls[0].ci_low(), 891);
  EXPECT_EQ(found->controls[0].ci_high(), 909);
  EXPECT_EQ(found->controls[0].verdict(), v1::VERDICT_VALID);
  EXPECT_EQ(found->controls[1].state(), v1::JOB_STATE_QUEUED);
  EXPECT_FALSE(found->controls[1].has_throughput());
}

TEST_F(ReaderTest, JobsComeByPages) {
  for (std::int64_t job = 3; job <= 7; ++job) Put(JobOf(1, job), v1::JOB_STATE_QUEUED);
  auto reader = OpenReader();
  std::vector<std::string> ids;
  std::int64_t after = 0;
  for (int pages = 0; pages < 4; ++pages) {
    const auto page = reader->JobsPage(1, after, 3);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& job : page->jobs) ids.push_back(job.job_id());
    if (!page->next) break;
    EXPECT_EQ(page->jobs.size(), 3U);
    after = *page->next;
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"s1.1", "s1.2", "s1.3", "s1.4", "s1.5", "s1.6", "s1.7"}));
  EXPECT_FALSE(reader->JobsPage(1, 0, 7)->next);
  EXPECT_EQ(reader->JobsPage(1, 0, 0)->jobs.size(), 1U);
  EXPECT_TRUE(reader->JobsPage(2, 0, 7)->jobs.empty());
}

TEST_F(ReaderTest, AJobIsShownWhole) {
  const AttemptKey key{{1, 1}, 1};
  auto job = JobOf(1, 1);
  job.attempts = 1;
  job.state = v1::JOB_STATE_RUNNING;
  ASSERT_TRUE(store_
                  ->Apply(Changes{PutJob{job}, StartAttempt{key, kLease, 1700000002},
                                  AppendWindows{key, kLease, WindowsOf(1, 3)}})
                  .ok());
  auto reader = OpenReader();
  auto shown = reader->JobsPage(1, 0, 1)->jobs.at(0);
  EXPECT_EQ(shown.job_id(), "s1.1");
  EXPECT_EQ(shown.sweep_id(), "s1");
  EXPECT_EQ(shown.cell().SerializeAsString(), job.cell.SerializeAsString());
  EXPECT_EQ(shown.repeat(), 2U);
  EXPECT_EQ(shown.device_id(), "GPU-1");
  EXPECT_EQ(shown.device_name(), "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(shown.agent_id(), "a-1");
  EXPECT_EQ(shown.agent_name(), "name of a-1");
  EXPECT_EQ(shown.state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(shown.attempts(), 1U);
  EXPECT_EQ(shown.windows_stored(), 3U);
  EXPECT_DOUBLE_EQ(shown.throughput(), 512 / (0.502 + 0.503));  // the first window is warm-up

  auto ended = EndedJob(job, v1::OUTCOME_COMPLETED);
  ASSERT_TRUE(store_->Apply(Changes{EndOf(key, v1::OUTCOME_COMPLETED, ResultOf(512.5)), PutJob{ended}}).ok());
  shown = reader->JobsPage(1, 0, 1)->jobs.at(0);
  EXPECT_EQ(shown.outcome(), v1::OUTCOME_COMPLETED);
  EXPECT_EQ(shown.throughput(), 512.5);
}

TEST_F(ReaderTest, AJobThatWaitsAgainHasNoThroughput) {
  const AttemptKey key{{1, 1}, 1};
  auto job = JobOf(1, 1);
  job.attempts = 1;
  job.losses = 1;
  ASSERT_TRUE(
      store_->Apply(Changes{AppendWindows{key, kLease, WindowsOf(1, 3)}, EndOf(key, v1::OUTCOME_LOST), PutJob{job}})
          .ok());
  const auto shown = OpenReader()->JobsPage(1, 0, 2)->jobs;
  EXPECT_FALSE(shown.at(0).has_throughput());
  EXPECT_EQ(shown.at(0).outcome(), v1::OUTCOME_UNSPECIFIED);
  EXPECT_EQ(shown.at(1).agent_id(), "");
  EXPECT_EQ(shown.at(1).windows_stored(), 0U);
}

}  // namespace
}  // namespace rsg::store
