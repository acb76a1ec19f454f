// A TorchScript module that nobody ships goes through a sweep to two agents, and its file to each of them once.
#include <signal.h>

#include <algorithm>

#include "fleet.hpp"

namespace rsg::e2e {
namespace {

class ScriptSweep : public Fleet {
 protected:
  void SetUp() override {
    Fleet::SetUp();
    module_ = folder_ / "net.pt";
    ASSERT_EQ(RunCommand({RSG_SCRIPT_MAKER, module_}, {}, 60).exit_code, 0);
  }
  std::vector<std::filesystem::path> ScriptsOf(const std::string& state) const {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / state / "scripts", error))
      files.push_back(entry.path());
    return files;
  }
  std::string module_;
};

TEST_F(ScriptSweep, GoesToTwoAgents) {
  StartCoordinator();
  // One after the other: two trainings at once would share the machine.
  auto one = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep =
      Submit({"--script", module_, "--bs", "2,4", "--size", "32", "--seconds", "0.3", "--machines", "2"});
  WaitForSweep(sweep);
  one->Signal(SIGTERM);
  EXPECT_EQ(one->Wait(10), 0);
  const auto two = StartAgent("two");
  WaitForAgents(1);
  const std::string again =
      Submit({"--script", module_, "--bs", "2", "--size", "32", "--seconds", "0.3", "--agents", "two"});
  EXPECT_EQ(WaitForSweep(again), "COMPLETED");

  const auto rows = RsgJson({"results", "list", "--model", "script:net"});
  ASSERT_EQ(rows.size(), 3u) << rows.dump();
  for (const auto& row : rows) {
    EXPECT_EQ(row["outcome"], "COMPLETED") << row.dump();
    EXPECT_EQ(row["model"], "script:net");
    EXPECT_EQ(row["script_sha256"], rows[0]["script_sha256"]);
    EXPECT_GT(row["throughput"].get<double>(), 0);
  }
  EXPECT_EQ(rows[0]["method_key"], rows[2]["method_key"]) << "the same cell of the same file";
  ASSERT_EQ(ScriptsOf("coordinator").size(), 1u);
  EXPECT_EQ(ScriptsOf("coordinator")[0].filename(), rows[0]["script_sha256"].get<std::string>());
  for (const char* agent : {"one", "two"})
    EXPECT_EQ(std::ranges::count_if(ScriptsOf(agent),
                                    [&](const auto& file) {
                                      return file.filename() == rows[0]["script_sha256"].template get<std::string>();
                                    }),
              1)
        << agent;
}

TEST_F(ScriptSweep, WhatIsNoModuleFailsWithTheReason) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  std::filesystem::resize_file(module_, 100);
  EXPECT_EQ(WaitForSweep(Submit({"--script", module_, "--bs", "2", "--size", "32", "--seconds", "0.3"})), "COMPLETED");
  const auto rows = RsgJson({"results", "list"});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["outcome"], "FAILED");
  EXPECT_NE(rows[0]["reason"].get<std::string>().find("TorchScript"), std::string::npos) << rows.dump();
}

TEST_F(ScriptSweep, RunsOnOneMachineInOneCommand) {
  const Environment home{{"HOME", folder_}, {"OMP_NUM_THREADS", "1"}};
  const Output bench = RunCommand({Program("rsg"), "bench", "--script", module_, "--bs", "2", "--size", "32",
                                   "--seconds", "0.3", "--state", folder_ / "bench", "-o", "json"},
                                  home);
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
  const auto printed = nlohmann::json::parse(bench.out, nullptr, false);
  ASSERT_EQ(printed.size(), 1u) << bench.out;
  EXPECT_EQ(printed[0]["model"], "script:net");
}

}  // namespace
}  // namespace rsg::e2e
