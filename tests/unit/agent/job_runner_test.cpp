// The trainer as a child process: with each of a fake trainer's misdeeds.
#include "agent/job/job_runner.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "agent/job/spawn.hpp"
#include "common/clock.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;

constexpr double kPatience = 20;  // far more than any of this takes, sanitizers included

bool Alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  return !text.empty() && text.find(") Z") == std::string::npos;
}

class JobRunnerTest : public ::testing::TestWithParam<bool> {
 protected:
  absl::Status Start(const std::string& what, const std::string& program = RSG_FAKE_TRAINER) {
    return runner_.Start(
        {.attempt_id = "a", .program = program, .arguments = {what}, .environment = environment_, .batch_size = 2});
  }

  /// Waits as the agent's loop does until `done` says so; false when it never does.
  bool Wait(const std::function<bool()>& done) {
    const double until = SystemClock().Monotonic() + kPatience;
    while (!done()) {
      if (SystemClock().Monotonic() > until) return false;
      std::vector<pollfd> entries;
      runner_.AddPollEntries(&entries);
      poll(entries.data(), entries.size(), static_cast<int>(std::min(runner_.CollectEvery(), 0.2) * 1000));
      for (Event& event : runner_.Collect()) events_.push_back(std::move(event));
    }
    return true;
  }

  ChildExited RunToEnd(const std::string& what) {
    const absl::Status started = Start(what);
    EXPECT_TRUE(started.ok()) << started;
    EXPECT_TRUE(Wait([&] { return !runner_.running(); })) << what << " did not end";
    if (events_.empty() || !std::holds_alternative<ChildExited>(events_.back())) return {};
    return std::get<ChildExited>(events_.back());
  }

  std::string Garbled() const {
    for (const Event& event : events_) {
      if (const auto* garbled = std::get_if<TrainerGarbled>(&event)) return garbled->reason;
    }
    return "";
  }
  std::size_t Said() const {
    return std::count_if(events_.begin(), events_.end(),
                         [](const Event& event) { return std::holds_alternative<TrainerSaid>(event); });
  }

  std::vector<std::string> environment_{"PATH=/usr/bin"};
  JobRunner runner_{GetParam()};
  std::vector<Event> events_;
};

TEST_P(JobRunnerTest, LinesComeInOrderAndBeforeTheEnd) {
  const ChildExited exit = RunToEnd("good");
  EXPECT_EQ(exit.exit_code, 0);
  EXPECT_EQ(exit.signal, 0);
  ASSERT_EQ(Said(), 7u);
  EXPECT_TRUE(std::get<TrainerSaid>(events_[0]).event.has_started());
  EXPECT_EQ(std::get<TrainerSaid>(events_[5]).event.window().sequence(), 5u);
  EXPECT_TRUE(std::get<TrainerSaid>(events_[6]).event.has_finished());
}

TEST_P(JobRunnerTest, NonsenseIsToldOnceWithTheLine) {
  for (const char* what : {"garbage", "null", "nan", "infinite", "enum", "long-line"}) {
    events_.clear();
    RunToEnd(what);
    EXPECT_EQ(events_.size(), 2u) << what;
    EXPECT_NE(Garbled(), "") << what;
  }
  events_.clear();
  RunToEnd("garbage");
  EXPECT_THAT(Garbled(), HasSubstr("Traceback"));
}

TEST_P(JobRunnerTest, HalfALineAtTheEndIsTold) {
  RunToEnd("half");
  EXPECT_THAT(Garbled(), HasSubstr("middle of a line"));
}

TEST_P(JobRunnerTest, FloodOfOutputIsDrainedAndItsEndKept) {
  const ChildExited exit = RunToEnd("flood");
  EXPECT_EQ(exit.exit_code, 7);
  EXPECT_EQ(exit.log_tail.size(), 16u << 10);
  EXPECT_THAT(exit.log_tail, ::testing::EndsWith("the very end\n"));
}

TEST_P(JobRunnerTest, SignalsAndExitCodesAreToldApart) {
  EXPECT_EQ(RunToEnd("exit-3").exit_code, 3);
  const ChildExited exit = RunToEnd("abort");
  EXPECT_EQ(exit.signal, SIGABRT);
  EXPECT_THAT(exit.log_tail, HasSubstr("terminate called"));
}

TEST_P(JobRunnerTest, TerminateIsAskingAndKillIsNot) {
  ASSERT_TRUE(Start("hang").ok());
  ASSERT_TRUE(Wait([&] { return Said() == 1; }));
  runner_.Terminate();
  ASSERT_TRUE(Wait([&] { return !runner_.running(); }));
  EXPECT_EQ(std::get<ChildExited>(events_.back()).signal, SIGTERM);

  events_.clear();
  ASSERT_TRUE(Start("stubborn").ok());
  ASSERT_TRUE(Wait([&] { return Said() == 1; }));
  runner_.Terminate();
  EXPECT_TRUE(runner_.Collect().empty());
  EXPECT_TRUE(Alive(runner_.pid()));
  runner_.Kill();
  ASSERT_TRUE(Wait([&] { return !runner_.running(); }));
  EXPECT_EQ(std::get<ChildExited>(events_.back()).signal, SIGKILL);
}

TEST_P(JobRunnerTest, GrandchildrenDoNotStay) {
  const ChildExited exit = RunToEnd("grandchild");
  int pid = 0;
  ASSERT_EQ(std::sscanf(exit.log_tail.c_str(), "grandchild %d", &pid), 1) << exit.log_tail;
  EXPECT_TRUE(Wait([&] { return !Alive(pid); }));
}

TEST_P(JobRunnerTest, PollDoesNotSpinOnAClosedPipe) {
  ASSERT_TRUE(Start("closes-pipe").ok());
  std::vector<pollfd> entries;
  ASSERT_TRUE(Wait([&] {
    entries.clear();
    runner_.AddPollEntries(&entries);
    return entries.size() == (GetParam() ? 2u : 1u);
  }));
  EXPECT_EQ(poll(entries.data(), entries.size(), 0), 0);
}

TEST_P(JobRunnerTest, DestructionLeavesNoChild) {
  pid_t pid = 0;
  {
    JobRunner runner(GetParam());
    ASSERT_TRUE(runner
                    .Start({.attempt_id = "a",
                            .program = RSG_FAKE_TRAINER,
                            .arguments = {"stubborn"},
                            .environment = {},
                            .batch_size = 2})
                    .ok());
    pid = runner.pid();
  }
  EXPECT_FALSE(Alive(pid));
}

TEST_P(JobRunnerTest, OneAtATime) {
  ASSERT_TRUE(Start("hang").ok());
  EXPECT_EQ(Start("good").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(JobRunnerTest, MissingProgramIsNamedAndTheNextOneRuns) {
  const absl::Status status = Start("good", "/nowhere/rsg-trainer");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/rsg-trainer"));
  EXPECT_EQ(Start("good", "/etc/passwd").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(RunToEnd("good").exit_code, 0);
}

TEST_P(JobRunnerTest, ChildSeesOnlyWhatItNeeds) {
  environment_ = {"PATH=/usr/bin", "OMP_NUM_THREADS=1"};
  EXPECT_EQ(RunToEnd("tell-environment").log_tail, "PATH=/usr/bin\nOMP_NUM_THREADS=1\n");
  // Descriptors of ours that are not close-on-exec stay here.
  const int leak = dup(0);
  EXPECT_EQ(RunToEnd("tell-descriptors").log_tail, "fd 0\nfd 1\nfd 2\nfd 3\n");
  close(leak);
  EXPECT_EQ(RunToEnd("tell-stdin").log_tail, "stdin -1\n");
  EXPECT_THAT(RunToEnd("tell-oom").log_tail, HasSubstr("oom "));
}

TEST_P(JobRunnerTest, ChildHasLimits) {
  const bool modprobe = access("/proc/driver/nvidia", F_OK) == 0 && access("/dev/nvidia-uvm", F_OK) != 0;
  EXPECT_EQ(RunToEnd("tell-limits").log_tail,
            modprobe ? "core 1 descriptors 1 privileges 0\n" : "core 1 descriptors 1 privileges 1\n");
}

TEST_P(JobRunnerTest, ChildLeadsAGroupOfItsOwnWithFreshSignals) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);
  EXPECT_EQ(RunToEnd("tell-signals").log_tail, "blocked 0\n");
  sigprocmask(SIG_UNBLOCK, &term, nullptr);
  int pid = 0;
  int group = 1;
  ASSERT_EQ(std::sscanf(RunToEnd("tell-group").log_tail.c_str(), "pid %d group %d", &pid, &group), 2);
  EXPECT_EQ(pid, group);
}

TEST_P(JobRunnerTest, ChildStartsWhereCoreDumpsAreForbiddenForGood) {
  const pid_t forbidden = fork();  // a limit that is lowered stays so
  ASSERT_GE(forbidden, 0);
  if (forbidden == 0) {
    const rlimit none{};
    setrlimit(RLIMIT_CORE, &none);
    _exit(Start("good").ok() ? 0 : 1);
  }
  int status = 0;
  waitpid(forbidden, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_P(JobRunnerTest, OnlyTheMainThreadMayStart) {
  absl::Status status;
  std::thread([&] { status = Start("good"); }).join();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Pidfd, JobRunnerTest, ::testing::Bool(),
                         [](const auto& it) { return it.param ? "WithPidfd" : "WithoutPidfd"; });

// A process that starts a child and is killed: its child must go within a second.
TEST(Reap, GivesTheStatusOfWhatEndsAndGivesUpOnWhatLivesOn) {
  const auto pid =
      SpawnProcess({.program = RSG_FAKE_TRAINER, .arguments = {"hang"}, .environment = {}, .descriptors = {}});
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_EQ(Reap(*pid, 0.05), std::nullopt);
  EXPECT_TRUE(Alive(*pid));
  kill(*pid, SIGKILL);
  const auto status = Reap(*pid);
  ASSERT_TRUE(status);
  EXPECT_EQ(WTERMSIG(*status), SIGKILL);
}

TEST(ParentDeath, TakesTheChildAlong) {
  int report[2];
  ASSERT_EQ(pipe(report), 0);
  const pid_t agent = fork();
  ASSERT_GE(agent, 0);
  if (agent == 0) {
    JobRunner runner;
    const bool started = runner
                             .Start({.attempt_id = "a",
                                     .program = RSG_FAKE_TRAINER,
                                     .arguments = {"stubborn"},
                                     .environment = {},
                                     .batch_size = 2})
                             .ok();
    const pid_t child = started ? runner.pid() : 0;
    [[maybe_unused]] const auto put = write(report[1], &child, sizeof child);
    while (true) pause();
  }
  pid_t child = 0;
  ASSERT_EQ(read(report[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  ASSERT_GT(child, 0);
  EXPECT_TRUE(Alive(child));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  const double until = SystemClock().Monotonic() + 1;
  while (Alive(child) && SystemClock().Monotonic() < until) std::this_thread::yield();
  EXPECT_FALSE(Alive(child));
  close(report[0]);
  close(report[1]);
}

}  // namespace
}  // namespace rsg::agent
