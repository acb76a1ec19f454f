// Results stand in W&B: a real fleet, and W&B's stand-in, which is away for a while.
#include <signal.h>

#include <map>

#include "fault_fleet.hpp"
#include "standin_process.hpp"

namespace rsg::e2e {
namespace {

using nlohmann::json;
using wandb::StandinProcess;

class WandbFleet : public FaultFleet {
 protected:
  void UseWandb(const std::string& url) {
    coordinator_environment_ = {{"WANDB_API_KEY", StandinProcess::Key()}, {"WANDB_BASE_URL", url}};
  }
  json Status() { return RsgJson({"wandb", "status"})[0]; }
  bool AllThere() {
    const json status = Status();
    return status["open"] == 0 && status["sending"] == 0;
  }
};

class Fault : public WandbFleet {};

TEST_F(Fault, WandbThrottledFailingAndDown) {
  int port = 0;
  {
    const StandinProcess standin;
    port = standin.port();
    UseWandb(standin.url());
  }
  StartCoordinator();
  auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep =
      Submit({"--models", "resnet18", "--bs", "2", "--size", "64", "--memory-format", "nchw,nhwc", "--seconds", "0.5"});
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  EXPECT_EQ(Status()["sending"], 2) << "kept";
  KillCoordinator();

  StandinProcess standin(port);
  standin.Set({{"429", 0.2}, {"500", 0.2}, {"drop_after", 0.2}, {"retry_after", 1}, {"seed", 7}});
  StartCoordinator();
  const Stopwatch watch;
  ASSERT_TRUE(Eventually(60, [&] { return AllThere(); })) << Status().dump();
  const json faults = standin.Get("state")["faults"];
  Record("W&B away, then 429, 500, broken connections", -1, watch.Seconds(), faults.dump());
  EXPECT_EQ(Status()["done"], 2);
  EXPECT_EQ(Status()["backlog_lines"], 0);
  const json state = standin.Get("state");
  EXPECT_EQ(state["violations"], json::array());
  ASSERT_EQ(state["runs"].size(), 2U);
  std::map<std::string, double> throughputs;
  for (const json& row : RsgJson({"results", "list"})) throughputs[row["job_id"]] = row["throughput"];
  for (const json& run : state["runs"]) {
    EXPECT_EQ(run["state"], "finished");
    EXPECT_EQ(run["project"], "ready-steady-go");
    const json& summary = run["summary"];
    const std::string job = summary["job"];
    EXPECT_EQ(run["files"].count("cpu-info.txt"), 1U);
    EXPECT_EQ(summary["samples_per_second"].get<double>(), throughputs.at(job));
    EXPECT_EQ(
        run["history"].size(),
        2 + std::stoul(SqlValue("SELECT last_sequence FROM attempts JOIN v_results USING (sweep, job) WHERE job_id "
                                "= '" +
                                job + "'")));
    EXPECT_EQ(summary.contains("throughput"), summary["memory_format"] == "nchw");
    EXPECT_EQ(summary["fp16"], false);
  }
  EXPECT_EQ(coordinator_->Log().find(StandinProcess::Key()), std::string::npos);

  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(10), 0);
}

TEST_F(WandbFleet, BackfillSendsWhatWasStoredBefore) {
  StartCoordinator();
  auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2", "--size", "32", "--seconds", "0.3"});
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  EXPECT_EQ(Status()["on"], false);
  EXPECT_EQ(Rsg({"wandb", "backfill"}).exit_code, 1);
  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(10), 0);

  StandinProcess standin;
  UseWandb(standin.url());
  StartCoordinator();
  EXPECT_EQ(RsgJson({"wandb", "backfill"})[0]["runs"], 1);
  EXPECT_EQ(RsgJson({"wandb", "backfill"})[0]["runs"], 0);
  EXPECT_EQ(RsgJson({"wandb", "backfill", "--project", "other"})[0]["runs"], 1);
  ASSERT_TRUE(Eventually(30, [&] { return AllThere(); })) << Status().dump();
  const json state = standin.Get("state");
  ASSERT_EQ(state["runs"].size(), 2U);
  EXPECT_EQ(state["violations"], json::array());
  EXPECT_EQ(state["runs"][0]["summary"]["samples_per_second"], state["runs"][1]["summary"]["samples_per_second"]);
}

TEST_F(WandbFleet, BenchEndsWhenItsRunStandsInWandb) {
  StandinProcess standin;
  const std::vector<std::string> command{Program("rsg"),
                                         "bench",
                                         "--state",
                                         folder_ / "bench",
                                         "--model",
                                         "resnet18",
                                         "--bs",
                                         "2",
                                         "--size",
                                         "32",
                                         "--seconds",
                                         "0.3",
                                         "--wnb",
                                         "--wnb_run",
                                         "mine",
                                         "--wnb_project",
                                         "p",
                                         "--run_number",
                                         "7"};
  Environment environment{{"HOME", folder_}, {"OMP_NUM_THREADS", "1"}};
  const Output refused = RunCommand(command, environment);
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_NE(refused.err.find("WANDB_API_KEY"), std::string::npos) << refused.err;

  environment["WANDB_API_KEY"] = StandinProcess::Key();
  environment["WANDB_BASE_URL"] = standin.url();
  const Output output = RunCommand(command, environment, 90);
  EXPECT_EQ(output.exit_code, 0) << output.err;
  const json runs = standin.Get("state")["runs"];
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["state"], "finished");
  EXPECT_EQ(runs[0]["project"], "p");
  EXPECT_EQ(runs[0]["displayName"], "mine");
  EXPECT_EQ(runs[0]["summary"]["run_number"], 7);
  EXPECT_GT(runs[0]["summary"]["throughput"].get<double>(), 0);

  // A key that W&B does not know: the result is kept, and the exit code says so.
  environment["WANDB_API_KEY"] = "another";
  const Output unknown = RunCommand(command, environment, 90);
  EXPECT_EQ(unknown.exit_code, 1) << unknown.err;
  EXPECT_NE(unknown.err.find("does not know the key"), std::string::npos) << unknown.err;
}

}  // namespace
}  // namespace rsg::e2e
