// QueryResults: conditions, the best rows, pages.
#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;

TEST_F(ResultsTest, OnlyEndedJobsAreListed) {
  Complete(1, 64, 500);
  const auto rows = All({});
  ASSERT_EQ(rows.size(), 1U);  // the base's jobs have not ended
  const auto& row = rows[0];
  EXPECT_EQ(row.job().job_id(), "s1.10");
  EXPECT_EQ(row.job().throughput(), 500);
  EXPECT_EQ(row.job().agent_name(), "name of a-1");
  EXPECT_EQ(row.result().SerializeAsString(), ResultOf(500).SerializeAsString());
  EXPECT_EQ(row.ended_unix_seconds(), 1700000041.5);
  EXPECT_EQ(row.log_tail(), "");
}

TEST_F(ResultsTest, TaintedResultIsKeptShownAndWinsOnlyAlone) {
  Complete(1, 32, 400);
  Complete(1, 64, 500);
  auto lying = CompletedJob(JobOf(1, next_++), 900);
  std::get<EndAttempt>(lying[3]).elapsed_seconds = 3;
  std::get<EndAttempt>(lying[3]).result->add_taints("what the agent says of itself");
  ASSERT_TRUE(store_->Apply(lying).ok());
  const std::string taint = "its windows last 17.1 s, but the attempt was over 3.0 s after it was handed out";
  EXPECT_EQ(Ask("SELECT job_id, throughput, taints FROM v_results"),
            (Strings{"s1.10|400.0|NULL", "s1.11|500.0|NULL", "s1.12|900.0|" + taint}));
  EXPECT_EQ(AskOne("SELECT job_id FROM v_best"), "s1.11");
  v1::QueryResultsRequest best;
  best.set_best(true);
  EXPECT_EQ(Ids(best), Strings{"s1.11"});
  const auto rows = All({});
  ASSERT_EQ(rows.at(2).result().taints_size(), 1);
  EXPECT_EQ(rows[2].result().taints(0), taint);
  EXPECT_EQ(rows[2].job().taints(0), taint);
  EXPECT_EQ(rows[1].job().taints_size(), 0);

  auto alone = CompletedJob(JobOf(2, next_++), 900);
  std::get<PutJob>(alone[0]).job.cell.set_model("resnet18");
  std::get<PutJob>(alone[4]).job.cell.set_model("resnet18");
  std::get<EndAttempt>(alone[3]).elapsed_seconds = 3;
  ASSERT_TRUE(store_->Apply(alone).ok());
  EXPECT_EQ(AskOne("SELECT job_id, taints FROM v_best WHERE model = 'resnet18'"), "s2.13|" + taint);
}

TEST_F(ResultsTest, AFailedJobShowsItsLog) {
  const AttemptKey key{{1, 1}, 1};
  auto end = EndOf(key, v1::OUTCOME_FAILED);
  end.log_tail = "Segmentation fault";
  auto job = EndedJob(JobOf(1, 1), v1::OUTCOME_FAILED);
  job.attempts = 1;
  job.reason = "killed by SIGSEGV";
  ASSERT_TRUE(store_->Apply(Changes{end, PutJob{job}}).ok());
  const auto rows = All({});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].log_tail(), "Segmentation fault");
  EXPECT_EQ(rows[0].job().reason(), "killed by SIGSEGV");
  EXPECT_FALSE(rows[0].has_result());
  EXPECT_FALSE(rows[0].job().has_throughput());
}

TEST_F(ResultsTest, ConditionsHoldTogether) {
  Complete(1, 64, 500);                                                                           // s1.10
  Complete(2, 64, 510, [](JobRecord& job) { job.cell.set_model("resnet18"); });                   // s2.11
  Complete(1, 64, 520, [](JobRecord& job) { job.cell.set_precision(v1::PRECISION_FP16); });       // s1.12
  Complete(2, 64, 530, [](JobRecord& job) { job.device_name = "NVIDIA A100-SXM4-80GB"; });        // s2.13
  ASSERT_TRUE(store_->Apply(Changes{PutJob{EndedJob(JobOf(2, 20), v1::OUTCOME_SKIPPED)}}).ok());  // s2.20

  v1::QueryResultsRequest request;
  EXPECT_EQ(Ids(request), (Strings{"s1.10", "s1.12", "s2.11", "s2.13", "s2.20"}));
  request.set_sweep_id("s2");
  EXPECT_EQ(Ids(request), (Strings{"s2.11", "s2.13", "s2.20"}));
  request.set_outcome(v1::OUTCOME_COMPLETED);
  EXPECT_EQ(Ids(request), (Strings{"s2.11", "s2.13"}));
  request.set_device_name("a100-sxm");
  EXPECT_EQ(Ids(request), (Strings{"s2.13"}));
  request.Clear();
  request.set_model("resnet18");
  EXPECT_EQ(Ids(request), (Strings{"s2.11"}));
  request.Clear();
  request.set_precision(v1::PRECISION_FP16);
  EXPECT_EQ(Ids(request), (Strings{"s1.12"}));
  request.set_model("resnet' OR 'a' = 'a");
  EXPECT_EQ(Ids(request), Strings{});
  request.Clear();
  request.set_sweep_id("3");
  EXPECT_EQ(OpenReader()->ResultsPage(request, {}, 10).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ResultsTest, ScriptsOfOneNameDoNotCompete) {
  const auto script = [](char digit) {
    return [digit](JobRecord& job) {
      job.cell.set_model("script:net");
      job.cell.mutable_script()->set_name("net");
      job.cell.mutable_script()->set_sha256(std::string(64, digit));
    };
  };
  Complete(1, 32, 400, script('a'));  // s1.10
  Complete(1, 64, 600, script('a'));  // s1.11
  Complete(1, 64, 500, script('b'));  // s1.12
  v1::QueryResultsRequest request;
  request.set_model("script:net");
  request.set_best(true);
  EXPECT_EQ(Ids(request), (Strings{"s1.11", "s1.12"}));
  EXPECT_EQ(AskOne("SELECT group_concat(job_id) FROM v_best WHERE script_sha256 <> ''"), "s1.11,s1.12");
}

TEST_F(ResultsTest, BestIsTheFastestSingleJobOfItsGroup) {
  const auto nchw = [](JobRecord& job) { job.cell.set_memory_format(v1::MEMORY_FORMAT_NCHW); };
  Complete(1, 32, 400);        // s1.10
  Complete(1, 64, 600);        // s1.11: best of nhwc in sweep 1
  Complete(1, 128, 550);       // s1.12
  Complete(1, 64, 590);        // s1.13
  Complete(1, 32, 300, nchw);  // s1.14
  Complete(1, 64, 300, nchw);  // s1.15: a tie, the earlier wins
  Complete(2, 64, 700);        // s2.16: best of nhwc
  ASSERT_TRUE(store_->Apply(Changes{PutJob{EndedJob(JobOf(2, 20), v1::OUTCOME_OUT_OF_MEMORY)}}).ok());

  v1::QueryResultsRequest request;
  request.set_best(true);
  EXPECT_EQ(Ids(request), (Strings{"s1.14", "s2.16"}));  // nchw before nhwc
  EXPECT_EQ(Ask("SELECT job_id, batch_size, throughput FROM v_best ORDER BY memory_format"),
            (Strings{"s1.14|32|300.0", "s2.16|64|700.0"}));
  request.set_sweep_id("s1");
  EXPECT_EQ(Ids(request), (Strings{"s1.14", "s1.11"}));
  request.set_outcome(v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(Ids(request), Strings{});
}

TEST_F(ResultsTest, ControlJobsStandApart) {
  const auto control = [](std::uint32_t which) {
    return [which](JobRecord& job) {
      job.role = v1::ROLE_CONTROL;
      job.repeat = which;
    };
  };
  Complete(1, 32, 1000, control(1));  // s1.10
  Complete(1, 64, 500);               // s1.11
  Complete(1, 32, 900, control(2));   // s1.12
  Complete(2, 32, 1100, control(1));  // s2.13, whose end is still to come
  auto failed = EndedJob(JobOf(2, 20), v1::OUTCOME_FAILED);
  failed.role = v1::ROLE_CONTROL;
  failed.repeat = 1;
  failed.device_id = "GPU-2";
  failed.reason = "killed by SIGSEGV";
  ASSERT_TRUE(store_->Apply(Changes{PutJob{failed}}).ok());

  v1::QueryResultsRequest request;
  EXPECT_EQ(Ids(request), (Strings{"s1.11"}));
  EXPECT_EQ(Ask("SELECT job_id FROM v_results"), (Strings{"s1.11"}));
  request.set_best(true);
  EXPECT_EQ(Ids(request), (Strings{"s1.11"})) << "although a control job was faster";
  EXPECT_EQ(Ask("SELECT job_id FROM v_best"), (Strings{"s1.11"}));
  request.Clear();
  request.set_role(v1::ROLE_CONTROL);
  for (const std::uint32_t limit : {1U, 10U})
    EXPECT_EQ(Ids(request, limit), (Strings{"s1.10", "s1.12", "s2.13", "s2.20"}));
  EXPECT_EQ(All(request)[1].job().repeat(), 2U);
  EXPECT_EQ(All(request)[1].job().role(), v1::ROLE_CONTROL);
  request.set_sweep_id("s2");
  EXPECT_EQ(Ids(request), (Strings{"s2.13", "s2.20"}));

  EXPECT_EQ(Ask("SELECT sweep_id, device_id, agent, start_job_id, start_throughput, start_ci_low, start_verdict, "
                "end_job_id, end_throughput, end_ci_high, round(drift_percent, 9) FROM v_control ORDER BY sweep, "
                "device_id"),
            (Strings{"s1|GPU-1|name of a-1|s1.10|1000.0|990.0|VALID|s1.12|900.0|909.0|-10.0",
                     "s2|GPU-1|name of a-1|s2.13|1100.0|1089.0|VALID|NULL|NULL|NULL|NULL",
                     "s2|GPU-2|NULL|s2.20|NULL|NULL|NULL|NULL|NULL|NULL|NULL"}));
  EXPECT_EQ(AskOne("SELECT start_outcome, start_reason FROM v_control WHERE device_id = 'GPU-2'"),
            "FAILED|killed by SIGSEGV");
}

TEST_F(ResultsTest, PagesGiveEveryRowOnce) {
  for (int i = 0; i < 11; ++i) {
    Complete(1 + i % 2, 64, 500 + i, [&](JobRecord& job) { job.cell.set_image_size(32 * (1 + i % 5)); });
  }
  v1::QueryResultsRequest request;
  const auto all = Ids(request);
  EXPECT_EQ(all.size(), 11U);
  for (const std::uint32_t limit : {1U, 3U, 10U, 11U}) EXPECT_EQ(Ids(request, limit), all) << limit;
  request.set_best(true);
  const auto best = Ids(request);
  EXPECT_EQ(best.size(), 5U);
  for (const std::uint32_t limit : {1U, 2U, 5U}) EXPECT_EQ(Ids(request, limit), best) << limit;
}

// Between two pages a group that was already given gets a better job: it is not given a second time.
TEST_F(ResultsTest, ABetterJobBetweenPagesDoesNotRepeatItsGroup) {
  for (const unsigned size : {32U, 64U, 96U}) {
    Complete(1, 64, 500, [&](JobRecord& job) { job.cell.set_image_size(size); });
  }
  v1::QueryResultsRequest request;
  request.set_best(true);
  auto reader = OpenReader();
  const auto first = reader->ResultsPage(request, {}, 2);
  ASSERT_TRUE(first.ok() && first->next) << first.status();
  Complete(1, 128, 600, [&](JobRecord& job) { job.cell.set_image_size(32); });
  const auto second = reader->ResultsPage(request, first->next, 2);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(second->rows.size(), 1U);
  EXPECT_EQ(second->rows[0].job().cell().image_size(), 96U);
}

}  // namespace
}  // namespace rsg::store
