// Results stand in W&B: a real fleet, and W&B's stand-in, which is away for a while.
#include <signal.h>

#include <cstdlib>
#include <fstream>
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
  /// The original's notebook, by the real SDK, against `rsg results best`.
  void ExpectTheNotebooksTable([[maybe_unused]] const StandinProcess& standin,
                               [[maybe_unused]] const std::vector<std::string>& canonical) {
#ifdef RSG_WANDB_SDK
    const std::string best = folder_ / "best.json";
    std::ofstream(best) << RsgJson({"results", "best"});
    std::vector<std::string> command{RSG_PYTHON, RSG_NOTEBOOK, "standin-team/ready-steady-go", "--best", best};
    command.insert(command.end(), canonical.begin(), canonical.end());
    const Output notebook = RunCommand(command, {{"WANDB_BASE_URL", standin.url()},
                                                 {"WANDB_API_KEY", StandinProcess::Key()},
                                                 {"PYTHONPATH", RSG_WANDB_SDK},
                                                 {"HOME", folder_}});
    EXPECT_EQ(notebook.exit_code, 0) << notebook.out << notebook.err;
    const json table = json::parse(notebook.out);
    EXPECT_EQ(table.size(), 1U) << "one device and one model: " << table;
#endif
  }
};

// RSG_WANDB=all: three precisions, two memory formats and control cells in either mode, about two minutes.
bool All() {
  const char* asked = std::getenv("RSG_WANDB");
  return asked != nullptr && std::string(asked) == "all";
}

class Fault : public WandbFleet {};

// Every job is one run, and the original's notebook shows the best of them.
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
  const bool all = All();
  const auto submit = [&](const char* mode, const char* precisions, const char* formats, const char* batch_sizes) {
    std::vector<std::string> command{"sweep",           "submit", "--models", "resnet18", "--size",      "32",
                                     "--n-batches",     "3",      "--mode",   mode,       "--precision", precisions,
                                     "--memory-format", formats,  "--bs",     batch_sizes};
    if (!all) command.emplace_back("--no-control");
    const Output submitted = Rsg(std::move(command));
    EXPECT_EQ(submitted.exit_code, 0) << submitted.err;
  };
  submit("standard", all ? "fp32-strict,fp32,bf16" : "fp32-strict", "nhwc,nchw", "2,4");
  submit("original", all ? "fp32-strict,fp32,bf16" : "fp32-strict,fp32", all ? "nhwc,nchw" : "nhwc", all ? "2,4" : "2");
  EXPECT_EQ(WaitForSweep("s1", 120), "COMPLETED");
  EXPECT_EQ(WaitForSweep("s2", 120), "COMPLETED");
  const json rows = RsgJson({"results", "list"});
  EXPECT_EQ(Status()["sending"], rows.size()) << "kept";
  KillCoordinator();

  StandinProcess standin(port);
  standin.Set({{"next", json::array({"429", "500", "429", "500", "drop_after"})}, {"retry_after", 1}});
  StartCoordinator();
  const Stopwatch watch;
  ASSERT_TRUE(Eventually(120, [&] { return AllThere(); })) << Status().dump();
  Record("W&B away, then 429, 500, broken connections", -1, watch.Seconds(), standin.Get("state")["faults"].dump());
  EXPECT_EQ(Status()["done"], rows.size());
  EXPECT_EQ(Status()["backlog_lines"], 0);
  const json state = standin.Get("state");
  EXPECT_EQ(state["violations"], json::array());
  ASSERT_EQ(state["runs"].size(), rows.size());
  std::map<std::string, json> jobs;
  for (const json& row : rows) jobs[row["job_id"]] = row;
  for (const json& run : state["runs"]) {
    EXPECT_EQ(run["state"], "finished");
    EXPECT_EQ(run["project"], "ready-steady-go");
    const json& summary = run["summary"];
    const json& row = jobs.at(summary["job"]);
    EXPECT_EQ(run["files"].count("cpu-info.txt"), 1U);
    EXPECT_EQ(summary["samples_per_second"], row["throughput"]);
    EXPECT_EQ(
        run["history"].size(),
        2 + std::stoul(SqlValue("SELECT last_sequence FROM attempts JOIN v_results USING (sweep, job) WHERE job_id "
                                "= '" +
                                row["job_id"].get<std::string>() + "'")));
    EXPECT_EQ(summary.contains("throughput"), row["memory_format"] == "nhwc" && row["precision"] == "fp32-strict");
    EXPECT_EQ(summary["fp16"], false);
    jobs.erase(summary["job"]);
  }
  EXPECT_TRUE(jobs.empty()) << "jobs without a run";
  ExpectTheNotebooksTable(standin, {"--memory-format", "nhwc", "--fp32", "fp32-strict"});
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
  EXPECT_EQ(RsgJson({"wandb", "backfill"})["runs"], 1);
  EXPECT_EQ(RsgJson({"wandb", "backfill"})["runs"], 0);
  EXPECT_EQ(RsgJson({"wandb", "backfill", "--project", "other"})["runs"], 1);
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

  // A result that is bound for nowhere stays behind, and does not stop the next one.
  std::vector<std::string> astray = command;
  astray.insert(astray.end(), {"--wnb_entity", "nobody"});
  const Output nowhere = RunCommand(astray, environment, 90);
  EXPECT_EQ(nowhere.exit_code, 1) << nowhere.err;
  EXPECT_NE(nowhere.err.find("entity nobody not found"), std::string::npos) << nowhere.err;
  const Output next = RunCommand(command, environment, 90);
  EXPECT_EQ(next.exit_code, 0) << next.err;
  EXPECT_EQ(standin.Get("state")["runs"].size(), 2U);

  // A key that W&B does not know: the result is kept, and the exit code says so.
  environment["WANDB_API_KEY"] = "another";
  const Output unknown = RunCommand(command, environment, 90);
  EXPECT_EQ(unknown.exit_code, 1) << unknown.err;
  EXPECT_NE(unknown.err.find("does not know the key"), std::string::npos) << unknown.err;
}

}  // namespace
}  // namespace rsg::e2e
