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

TEST_F(Fleet, ControlCellRunsFirstAndLastAndItsDriftIsShown) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  const Output submitted =
      Rsg({"sweep", "submit", "--models", "resnet18", "--bs", "2,4", "--size", "32", "--seconds", "0.5", "--wait"});
  EXPECT_EQ(submitted.exit_code, 0) << submitted.err;
  EXPECT_NE(submitted.out.find("2 completed; control drift "), std::string::npos) << submitted.out;

  EXPECT_EQ(RsgJson({"results", "list"}).size(), 2u) << "the control cells are not among them";
  EXPECT_EQ(RsgJson({"results", "best"}).size(), 1u);
  const auto controls = RsgJson({"results", "list", "--control"});
  ASSERT_EQ(controls.size(), 2u) << controls.dump();
  for (const auto& control : controls) {
    EXPECT_EQ(control["role"], "CONTROL");
    EXPECT_EQ(control["outcome"], "COMPLETED");
    EXPECT_EQ(control["model"], "resnet18");
  }
  EXPECT_EQ(controls[0]["batch_size"], controls[1]["batch_size"]);
  const auto order =
      Sql("SELECT j.role, j.repeat FROM attempts a JOIN jobs j USING (sweep, job) ORDER BY assigned_unix");
  ASSERT_EQ(order.size(), 4u);
  EXPECT_EQ(order.front(), (std::vector<std::string>{"CONTROL", "1"}));
  EXPECT_EQ(order.back(), (std::vector<std::string>{"CONTROL", "2"}));

  const Output show = Rsg({"sweep", "show"});
  EXPECT_NE(show.out.find("control cell on one ("), std::string::npos) << show.out;
  EXPECT_NE(show.out.find(" samples/s, "), std::string::npos) << show.out;
  const Output list = Rsg({"results", "list"});
  EXPECT_NE(list.out.find("control cell, start -> end:"), std::string::npos) << list.out;
  EXPECT_NE(SqlValue("SELECT drift_percent FROM v_control"), "");
  const auto jobs = RsgJson({"sweep", "show"});
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_TRUE(jobs[0]["control_drift_percent"].is_number()) << jobs.dump();
}

TEST_F(Fleet, ResultsCarryTheirIntervalAndVerdict) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2", "--size", "32", "--seconds", "8"});
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  const auto rows = RsgJson({"results", "list"});
  ASSERT_EQ(rows.size(), 1u);
  const auto& row = rows[0];
  // On a machine that others keep busy the windows may differ so much that there is no interval; then that is said.
  const bool known = row["ci_low"].is_number();
  EXPECT_EQ(row["ci_high"].is_number(), known) << row.dump();
  if (known) {
    EXPECT_LE(row["ci_low"].get<double>(), row["throughput"].get<double>()) << row.dump();
    EXPECT_GE(row["ci_high"].get<double>(), row["throughput"].get<double>()) << row.dump();
  }
  ASSERT_TRUE(row["verdict"].is_string()) << row.dump();
  EXPECT_NE(row["verdict"], known ? "" : "VALID") << row.dump();
  EXPECT_TRUE(row["evidence"].is_string()) << row.dump();
  for (const char* key : {"method_key", "stack_key", "machine_key"})
    EXPECT_EQ(row[key].is_string() ? row[key].get<std::string>().size() : 0, 16u) << key;
  const Output table = Rsg({"results", "list"});
  EXPECT_EQ(table.out.find("±%") != std::string::npos, known) << table.out;
  EXPECT_NE(table.out.find("verdict"), std::string::npos) << table.out;
  EXPECT_EQ(SqlValue("SELECT verdict IS NOT NULL FROM v_best"), "1");
  EXPECT_EQ(SqlValue("SELECT half_width_percent > 0 FROM v_best"), known ? "1" : "");
}

TEST_F(Fleet, SweepWithoutATimeIsMeasuredToItsTarget) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep =
      Submit({"--models", "resnet18", "--bs", "2", "--size", "32", "--target", "20 %", "--max-seconds", "40"});
  EXPECT_EQ(WaitForSweep(sweep, 90), "COMPLETED");
  const auto rows = RsgJson({"results", "list"});
  ASSERT_EQ(rows.size(), 1u);
  ASSERT_EQ(rows[0]["outcome"], "COMPLETED") << rows.dump();
  const bool precise = rows[0]["stop_reason"] == "PRECISION";
  EXPECT_TRUE(precise || rows[0]["stop_reason"] == "LIMIT") << rows.dump();
  // It is the time a sample takes that is known so well; as samples per second a wide interval is lopsided.
  if (precise) {
    EXPECT_LE(rows[0]["throughput"].get<double>() / rows[0]["ci_low"].get<double>() - 1, 0.2 + 1e-9) << rows.dump();
  }
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
  EXPECT_EQ(RsgJson({"sweep", "cancel", sweep})["cancelled_jobs"], 2);
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
  EXPECT_EQ(RsgJson({"agents", "drain", "one"})["agent_ids"].size(), 1u);
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
  const Output unknown = RunCommand({Program("rsg"), "results", "list", "--state", state, "--sweep", "s99"}, home);
  EXPECT_EQ(unknown.exit_code, 1) << unknown.err;
  EXPECT_NE(unknown.err.find("s99"), std::string::npos) << unknown.err;
}

}  // namespace
}  // namespace rsg::e2e
