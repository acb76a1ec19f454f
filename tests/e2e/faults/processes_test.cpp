// A process is killed or frozen in the middle of a sweep that is trained for real: afterwards every job has one
// accepted result and every acked window is stored once.
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "fault_fleet.hpp"

namespace rsg::e2e {
namespace {

class Fault : public FaultFleet {
 protected:
  void SetUp() override {
    FaultFleet::SetUp();
    StartCoordinator();
  }
  void StartTraining() {
    agent_ = StartAgent("one");
    WaitForAgents(1);
  }
  std::string SubmitTwoCells() {
    return Submit({"--models", "resnet18", "--bs", "1,2", "--size", "64", "--seconds", "3"});
  }
  std::unique_ptr<Process> agent_;
};

TEST_F(Fault, CoordinatorKilled) {
  StartTraining();
  const std::string sweep = SubmitTwoCells();
  const pid_t trainer = WaitForTrainer(*agent_);
  Stopwatch watch;
  KillCoordinator();
  ASSERT_TRUE(WaitForLog(*agent_, "will keep trying"));
  const double detected = watch.Seconds();
  SleepMilliseconds(1000);  // windows pile up at the agent meanwhile
  EXPECT_TRUE(Alive(trainer)) << "the measurement does not depend on the coordinator";
  const int stored = Windows();
  watch.Reset();
  StartCoordinator();
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("kill -9 coordinator", detected, watch.Seconds(), "resumed: from its start to the next window stored");
  ExpectCompleted(sweep, 2, 2);  // no second attempt was needed
}

TEST_F(Fault, CoordinatorAwayWhileTheAgentGoesThroughItsSeries) {
  StartTraining();
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2,4,8", "--size", "32", "--seconds", "1"});
  std::set<pid_t> trainers{WaitForTrainer(*agent_)};
  KillCoordinator();
  EXPECT_TRUE(Eventually(60,
                         [&] {
                           const auto children = ChildrenOf(agent_->pid());
                           trainers.insert(children.begin(), children.end());
                           return trainers.size() == 3 && children.empty();
                         }))
      << trainers.size() << " of 3 trainers ran";
  StartCoordinator();
  ExpectCompleted(sweep, 3, 3);  // all that was measured alone was taken
  EXPECT_EQ(SqlValue("SELECT count(DISTINCT lease_token) FROM attempts"), "3");
}

TEST_F(Fault, AgentKilledWithAResultThatWasNotDelivered) {
  StartTraining();
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2", "--size", "32", "--seconds", "1"});
  const pid_t trainer = WaitForTrainer(*agent_);
  KillCoordinator();
  ASSERT_TRUE(Eventually(30, [&] { return !Alive(trainer); }));
  ASSERT_TRUE(WaitForLog(*agent_, ": COMPLETED, "));
  agent_->Signal(SIGKILL);
  agent_->Wait(10);
  Stopwatch watch;
  agent_ = StartAgent("one");
  StartCoordinator();
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  Record("kill -9 agent with a result in its spool", -1, watch.Seconds(), "resumed: the result is stored");
  ExpectCompleted(sweep, 1, 1);
}

TEST_F(Fault, AgentKilled) {
  StartTraining();
  const std::string sweep = SubmitTwoCells();
  const pid_t trainer = WaitForTrainer(*agent_);
  Stopwatch watch;
  agent_->Signal(SIGKILL);
  EXPECT_TRUE(Eventually(1, [&] { return !Alive(trainer); })) << "the child outlived its agent by a second";
  const double detected = watch.Seconds();
  agent_->Wait(10);  // the child goes with the agent's main thread; its state's lock goes with the last one
  const int stored = Windows();
  watch.Reset();
  agent_ = StartAgent("one");
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("kill -9 agent", detected, watch.Seconds(), "detected: its child is gone; resumed: attempt 2, from its start");
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "2");
  EXPECT_EQ(SqlValue("SELECT sum(losses) FROM jobs"), "1") << "what it ran; what it was handed ahead costs nothing";
  EXPECT_EQ(SqlValue("SELECT count(*) FROM agents"), "1") << "the same state is the same agent";
}

TEST_F(Fault, ChildKilled) {
  StartTraining();
  const std::string sweep = SubmitTwoCells();
  const pid_t trainer = WaitForTrainer(*agent_);
  Stopwatch watch;
  kill(trainer, SIGKILL);
  EXPECT_TRUE(
      Eventually(10, [&] { return SqlValue("SELECT count(*) FROM attempts WHERE outcome = 'FAILED'") == "1"; }));
  const double detected = watch.Seconds();
  const int stored = Windows();
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("kill -9 child", detected, watch.Seconds(), "resumed: attempt 2");
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "2");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts WHERE outcome = 'FAILED' AND error LIKE '%SIGKILL%'"), "1");
  EXPECT_TRUE(agent_->Running());
}

// A control group that bounds a process's memory and that of its children; empty where there can be none.
std::string LimitMemory(pid_t pid, long bytes) {
  namespace fs = std::filesystem;
  for (const auto& [root, limit] : {std::pair<fs::path, const char*>{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                    {"/sys/fs/cgroup", "memory.max"}}) {
    std::error_code failed;
    const fs::path group = root / ("rsg-test-" + std::to_string(pid));
    if (!fs::create_directory(group, failed)) continue;
    const auto write = [&](const char* file, long value) {
      std::ofstream out(group / file);
      out << value << std::flush;
      return static_cast<bool>(out);
    };
    if (fs::exists(group / limit) && write(limit, bytes) && write("cgroup.procs", pid)) return group;
    rmdir(group.c_str());
  }
  return "";
}

// Whether the kernel has killed a process of the group; version 2 and version 1 say so in files of their own.
bool WasKilledForMemory(const std::filesystem::path& group) {
  for (const char* file : {"memory.events", "memory.oom_control"}) {
    std::ifstream lines(group / file);
    for (std::string word; lines >> word;)
      if (long count = 0; word == "oom_kill" && lines >> count) return count > 0;
  }
  return false;
}

TEST_F(Fault, ChildKilledForItsMemory) {
  agent_ = StartScripted("one", 0, 0, {{"OMP_FAKE_TRAINER", "eats-400"}});
  WaitForAgents(1);
  const std::string group = LimitMemory(agent_->pid(), 160L << 20);
  if (group.empty()) GTEST_SKIP() << "no control group with a limit of memory can be made here";
  Stopwatch watch;
  const std::string sweep = SubmitOne();
  const bool ended = Eventually(20, [&] { return SqlValue("SELECT count(*) FROM v_results") == "1"; });
  const double detected = watch.Seconds();
  const bool lives = agent_->Running();
  const bool killed = WasKilledForMemory(group);
  agent_.reset();
  rmdir(group.c_str());
  if (!killed) GTEST_SKIP() << "the kernel does not hold the control group to its limit";
  EXPECT_TRUE(ended);
  Record("OOM-kill of the child, twice", detected, -1, "from the sweep's start");
  EXPECT_TRUE(lives);
  EXPECT_EQ(SqlValue("SELECT outcome FROM v_results"), "FAILED");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts WHERE error LIKE '%SIGKILL%'"), "2");
}

TEST_F(Fault, AgentFrozenAndItsWindowsAreTakenOnce) {
  StartTraining();
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "1", "--size", "64", "--seconds", "6"});
  const pid_t trainer = WaitForTrainer(*agent_);
  EXPECT_TRUE(Eventually(20, [&] { return SqlValue("SELECT count(*) > 3 FROM windows WHERE warm_up = 0") == "1"; }));
  // The whole machine.
  Stopwatch watch;
  agent_->Signal(SIGSTOP);
  kill(trainer, SIGSTOP);
  EXPECT_TRUE(WaitForState("one", "LOST"));
  const double detected = watch.Seconds();
  const int stored = Windows();
  watch.Reset();
  kill(trainer, SIGCONT);
  agent_->Signal(SIGCONT);
  EXPECT_TRUE(WaitForWindowsOver(stored));
  Record("SIGSTOP agent beyond lost_after, CONT", detected, watch.Seconds(), "no newer attempt: its windows are taken");
  ExpectCompleted(sweep, 1, 1);  // lost contact alone never fences an attempt
  EXPECT_NE(SqlValue("SELECT taints FROM v_results").find("frozen for"), std::string::npos) << "the gap shows";
}

TEST_F(Fault, AgentFrozenWhileItsJobWasCancelled) {
  StartTraining();
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2", "--size", "32", "--seconds", "60"});
  const pid_t trainer = WaitForTrainer(*agent_);
  agent_->Signal(SIGSTOP);
  SleepMilliseconds(1000);  // the trainer goes on, its windows wait in the agent's pipe
  EXPECT_EQ(Rsg({"sweep", "cancel", sweep}).exit_code, 0);
  const std::string stored = SqlValue("SELECT count(*) FROM windows");
  Stopwatch watch;
  agent_->Signal(SIGCONT);
  EXPECT_TRUE(Eventually(10, [&] { return !Alive(trainer); }));
  const double detected = watch.Seconds();
  WaitForAgents(1);
  Record("SIGSTOP agent, job cancelled, CONT", detected, watch.Seconds(), "detected: its child is killed");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM windows"), stored);
  EXPECT_EQ(SqlValue("SELECT outcome FROM v_results"), "CANCELLED");
}

// What a trainer tells of a machine with a GPU of a kind that others have, too.
Environment WithGpu(const std::string& id) {
  return {{"OMP_FAKE_INFO",
           R"({"protocol_version":1,"stack":{"trainer_version":"0.1.0","torch_version":"2.11.0"},"devices":[{"id":")" +
               id +
               R"(","kind":"DEVICE_KIND_GPU","name":"Fake GPU","memory_mib":8192,"precisions":["PRECISION_FP32"]}],)"
               R"("models":[{"name":"resnet18"}],"driver_version":"580"})"}};
}

TEST_F(Fault, AgentFrozenWhileItsSlotWentToAnother) {
  // A second machine, to itself: it reads another id.
  const std::string id = folder_ / "machine-id";
  std::ofstream(id) << "00000000000000000000000000000002\n";
  const std::vector<std::string> elsewhere{
      "/usr/bin/unshare", "-m", "/bin/sh", "-c", "mount --bind \"$0\" /etc/machine-id && exec \"$@\"", id};
  std::vector<std::string> trial = elsewhere;
  trial.push_back("/bin/true");
  if (RunCommand(trial).exit_code != 0) GTEST_SKIP() << "this machine cannot pass for two: no mount namespaces";
  coordinator_->Signal(SIGTERM);
  coordinator_->Wait(10);
  StartCoordinator({"--slot-timeout", "1s", "--jobs-ahead", "0"});
  agent_ = StartScripted("one", 400, 20, WithGpu("GPU-1"));
  WaitForAgents(1);
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2", "--precision", "fp32", "--machines", "1"});
  EXPECT_TRUE(WaitForWindowsOver(5));
  const auto children = ChildrenOf(agent_->pid());
  agent_wrapper_ = elsewhere;
  const auto two = StartScripted("two", 50, 20, WithGpu("GPU-2"));
  WaitForAgents(1);
  Stopwatch watch;
  agent_->Signal(SIGSTOP);
  EXPECT_TRUE(Eventually(15, [&] { return SqlValue("SELECT count(*) FROM results") == "1"; }));
  const double detected = watch.Seconds();
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  const int stored = Windows();
  watch.Reset();
  agent_->Signal(SIGCONT);
  EXPECT_TRUE(Eventually(
      10, [&] { return std::none_of(children.begin(), children.end(), [](pid_t child) { return Alive(child); }); }));
  Record("SIGSTOP agent, slot given away, CONT", detected, watch.Seconds(),
         "detected: another machine's result; resumed: the first one's child is killed");
  WaitForAgents(2);
  EXPECT_EQ(Windows(), stored) << "its writes are rejected";
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "1");
  ExpectNothingLostOrDoubled(sweep);
}

}  // namespace
}  // namespace rsg::e2e
