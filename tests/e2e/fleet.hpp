// A fleet of real processes in a temporary folder: `rsg serve`, agents, and the operator's CLI, with time constants of
// about a second. The database is read with SQLite itself.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "process.hpp"

namespace rsg::e2e {

std::string Program(const std::string& name);  ///< path of rsg, rsg-agent or rsg-trainer in the build tree

class Fleet : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Starts (or starts again) the coordinator, on the same port the second time, and waits until it listens.
  void StartCoordinator(const std::vector<std::string>& more_flags = {});
  void KillCoordinator();

  /// Starts an agent with a state folder of its own; the same name again is the same agent.
  std::unique_ptr<Process> StartAgent(const std::string& name, Environment more = {});
  void WaitForAgents(std::size_t count);

  /// `rsg ARGUMENTS...` as the operator.
  Output Rsg(std::vector<std::string> arguments, double seconds = 60);
  /// The same, parsed as JSON; fails the test when it exits non-zero.
  nlohmann::json RsgJson(std::vector<std::string> arguments);
  /// Submits a sweep without control cells and returns its id ("s1").
  std::string Submit(const std::vector<std::string>& flags);
  /// Waits until the sweep has ended; its state.
  std::string WaitForSweep(const std::string& sweep, double seconds = 60);

  /// Rows of a query on the database file, columns as text.
  std::vector<std::vector<std::string>> Sql(const std::string& query);
  std::string SqlValue(const std::string& query);

  /// Waits until an agent's trainer runs and at least one of its windows is stored; its process id.
  pid_t WaitForTrainer(const Process& agent);

  /// What must hold after every fault: one accepted result a job, windows of each attempt without gap or double.
  void ExpectNothingLostOrDoubled(const std::string& sweep);

  std::filesystem::path state() const { return folder_ / state_name_; }  ///< the coordinator's

  std::filesystem::path folder_;
  std::string host_ = "127.0.0.1";                ///< on which the coordinator listens
  std::vector<std::string> coordinator_wrapper_;  ///< what stands before its command
  std::vector<std::string> agent_wrapper_;        ///< what stands before each agent's
  std::string state_name_ = "coordinator";
  Environment coordinator_environment_{{"WANDB_MODE", "disabled"}};  ///< whatever stands in our ~/.netrc
  std::unique_ptr<Process> coordinator_;
  std::string address_;  // 127.0.0.1:PORT
};

}  // namespace rsg::e2e
