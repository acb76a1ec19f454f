// The main job: a sweep queued from the CLI is really trained and its results stand in SQLite.
#include <signal.h>

#include <set>

#include "fleet.hpp"

namespace rsg::e2e {
namespace {

TEST_F(Fleet, SweepIsTrainedAndItsResultsStandInSqlite) {
  StartCoordinator();
  auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep = Submit(
      {"--models", "resnet18", "--bs", "1,2", "--size", "64", "--memory-format", "nchw,nhwc", "--seconds", "0.5"});
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);

  const auto rows = RsgJson({"results", "list"});
  ASSERT_EQ(rows.size(), 4u) << rows.dump();
  const auto sql = Sql("SELECT job_id, batch_size, memory_format, throughput FROM v_results ORDER BY job_id");
  ASSERT_EQ(sql.size(), 4u);
  std::set<std::vector<std::string>> from_sql;
  std::set<std::vector<std::string>> from_cli;
  for (const auto& row : sql) from_sql.insert({row[0], row[1], row[2]});
  for (const auto& row : rows) {
    from_cli.insert({row["job_id"], std::to_string(row["batch_size"].get<int>()), row["memory_format"]});
    EXPECT_EQ(row["outcome"], "COMPLETED");
    EXPECT_GT(row["throughput"].get<double>(), 0);
  }
  EXPECT_EQ(from_sql, from_cli);
  EXPECT_EQ(RsgJson({"results", "best"}).size(), 2u);

  agent->Signal(SIGTERM);
  EXPECT_EQ(agent->Wait(10), 0) << "an idle agent drains at once";
  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(10), 0);
}

TEST_F(Fleet, MachineThatJoinsLateGetsTheSweep) {
  StartCoordinator();
  const auto reply =
      RsgJson({"sweep", "submit", "--models", "resnet18", "--bs", "2", "--size", "32", "--seconds", "0.3"});
  EXPECT_EQ(reply.value("jobs", -1), 0) << reply.dump();
  const auto agent = StartAgent("late");
  EXPECT_EQ(WaitForSweep("s1"), "COMPLETED");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "1");
}

TEST_F(Fleet, OutOfMemoryIsAResultAndPrunesTheLargerBatchSizes) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep =
      Submit({"--models", "resnet18", "--bs", "2,64,128", "--size", "64", "--seconds", "0.3", "--memory-limit", "160"});
  EXPECT_EQ(WaitForSweep(sweep, 90), "COMPLETED");
  const auto rows = Sql("SELECT batch_size, outcome, reason FROM v_results ORDER BY batch_size");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0][1], "COMPLETED");
  EXPECT_EQ(rows[1][1], "OUT_OF_MEMORY") << rows[1][2];
  EXPECT_EQ(rows[2][1], "SKIPPED");
  EXPECT_NE(rows[2][2].find("s1.2"), std::string::npos) << "the reason points to the job: " << rows[2][2];
}

TEST_F(Fleet, CancelEndsTheChildAndTheSweep) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2,4", "--size", "32", "--seconds", "60"});
  const pid_t trainer = WaitForTrainer(*agent);
  EXPECT_EQ(Rsg({"sweep", "cancel", sweep}).exit_code, 0);
  EXPECT_TRUE(Eventually(5, [&] { return !Alive(trainer); }));
  EXPECT_EQ(WaitForSweep(sweep, 5), "CANCELLED");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'CANCELLED'"), "2");
  // The agent is free for the next one.
  const std::string next = Submit({"--models", "resnet18", "--bs", "2", "--size", "32", "--seconds", "0.3"});
  EXPECT_EQ(WaitForSweep(next), "COMPLETED");
}

TEST_F(Fleet, AgentFinishesWhatIsInHandBeforeItDrains) {
  StartCoordinator();
  auto agent = StartAgent("one");
  WaitForAgents(1);
  Submit({"--models", "resnet18", "--bs", "2,4", "--size", "32", "--seconds", "2"});
  WaitForTrainer(*agent);
  EXPECT_EQ(Rsg({"agents", "drain", "one"}).exit_code, 0);
  EXPECT_EQ(agent->Wait(20), 0);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "1");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM jobs WHERE state = 'QUEUED'"), "1");
}

TEST_F(Fleet, BenchRunsEverythingInOneCommandAndLeavesNothingBehind) {
  const Environment home{{"HOME", folder_}, {"OMP_NUM_THREADS", "1"}};
  const std::string state = folder_ / "bench";
  const Output bench = RunCommand({Program("rsg"), "bench", "--model", "resnet18", "--bs", "2", "--size", "32",
                                   "--seconds", "0.5", "--state", state, "-o", "json"},
                                  home);
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
  const auto printed = nlohmann::json::parse(bench.out, nullptr, false);
  EXPECT_FALSE(printed.is_discarded()) << bench.out;
  const Output list = RunCommand({Program("rsg"), "results", "list", "--state", state, "-o", "json"}, home);
  const auto rows = nlohmann::json::parse(list.out, nullptr, false);
  ASSERT_EQ(rows.size(), 1u) << list.out << list.err;
  EXPECT_EQ(rows[0]["outcome"], "COMPLETED");
}

}  // namespace
}  // namespace rsg::e2e
