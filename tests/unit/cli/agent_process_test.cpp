#include "coordinator/cli/agent_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "common/clock.hpp"
#include "coordinator/cli/interrupt.hpp"

namespace rsg::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class AgentProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "rsg-process-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path Script(const std::string& body) {
    const fs::path path = folder_ / "script";
    std::ofstream(path) << "#!/bin/sh\n" << body;
    chmod(path.c_str(), 0755);
    return path;
  }

  fs::path Log() const { return folder_ / "log"; }

  // Waits until `word` stands in the log, or five seconds.
  bool LogHas(const std::string& word) {
    for (int i = 0; i < 500; ++i) {
      if (LastLines(Log(), 100).find(word) != std::string::npos) return true;
      usleep(10'000);
    }
    return false;
  }

  fs::path folder_;
};

bool Alive(pid_t pid) { return kill(pid, 0) == 0; }

TEST_F(AgentProcessTest, DeathIsToldWithTheEndOfTheLog) {
  auto process = AgentProcess::Start(Script("echo out $SECRET; echo err >&2; exit 7\n"), {"SECRET=word"}, Log());
  ASSERT_TRUE(process.ok()) << process.status();
  absl::Status status;
  for (int i = 0; i < 500 && status.ok(); ++i) {
    status = process->Check();
    usleep(10'000);
  }
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("exit code 7"), HasSubstr("out word"), HasSubstr("err"), HasSubstr(Log().string())));
  process->Stop(1, [] { return false; });  // of something that is gone: nothing
}

TEST_F(AgentProcessTest, ProgramThatCannotBeStartedIsAnError) {
  const auto missing = AgentProcess::Start(folder_ / "nothing", {}, Log());
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("nothing"));
  const auto no_log = AgentProcess::Start(Script("exit 0\n"), {}, folder_ / "no" / "log");
  EXPECT_FALSE(no_log.ok());
}

TEST_F(AgentProcessTest, StopAsksFirst) {
  auto process = AgentProcess::Start(Script("trap 'echo bye; exit 0' TERM\necho ready\nwhile :; do sleep 0.01; done\n"),
                                     {"PATH=/usr/bin:/bin"}, Log());
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_TRUE(LogHas("ready"));
  EXPECT_TRUE(process->Check().ok());
  process->Stop(5, [] { return false; });
  EXPECT_TRUE(LogHas("bye"));
}

TEST_F(AgentProcessTest, HurryAsksASecondTime) {
  auto process =
      AgentProcess::Start(Script("n=0\ntrap 'n=$((n + 1)); echo asked $n; [ $n = 1 ] || exit 0' TERM\necho ready\n"
                                 "while :; do sleep 0.01; done\n"),
                          {"PATH=/usr/bin:/bin"}, Log());
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_TRUE(LogHas("ready"));
  process->Stop(60, [this] { return LastLines(Log(), 1) == "asked 1"; });
  EXPECT_TRUE(LogHas("asked 2"));
}

TEST_F(AgentProcessTest, NothingOutlivesItsOwner) {
  pid_t pid = 0;
  {
    auto process = AgentProcess::Start(Script("trap '' TERM INT\necho pid $$\nwhile :; do sleep 0.01; done\n"),
                                       {"PATH=/usr/bin:/bin"}, Log());
    ASSERT_TRUE(process.ok()) << process.status();
    ASSERT_TRUE(LogHas("pid "));
    pid = static_cast<pid_t>(std::stoi(LastLines(Log(), 1).substr(4)));
    EXPECT_TRUE(Alive(pid));
    EXPECT_EQ(getpgid(pid), pid) << "the terminal's Ctrl-C must not reach it";
  }
  EXPECT_FALSE(Alive(pid));
}

TEST_F(AgentProcessTest, LastLinesAreBounded) {
  const fs::path path = folder_ / "text";
  std::ofstream(path) << "one\ntwo\nthree\n";
  EXPECT_EQ(LastLines(path, 2), "two\nthree");
  EXPECT_EQ(LastLines(path, 10), "one\ntwo\nthree");
  EXPECT_EQ(LastLines(folder_ / "nothing", 10), "");
  std::ofstream(path) << std::string(10'000, 'x') << "\nlast\n";
  EXPECT_EQ(LastLines(path, 10), "last");
  std::ofstream(path) << "";
  EXPECT_EQ(LastLines(path, 10), "");
}

TEST_F(AgentProcessTest, AgentGetsNoneOfTheOperatorsSecrets) {
  const char* environment[] = {"PATH=/bin",      "RSG_OPERATOR=secret", "RSG_JOIN=old",
                               "RSG_STATE=/old", "RSG_NAME=n",          nullptr};
  const auto variables = AgentEnvironment(environment, {"RSG_JOIN=new"});
  EXPECT_THAT(variables, AllOf(Contains("PATH=/bin"), Contains("RSG_NAME=n"), Contains("RSG_JOIN=new")));
  EXPECT_EQ(variables.size(), 3u);
}

TEST_F(AgentProcessTest, ProgramIsNamedByTheEnvironment) {
  const fs::path script = Script("exit 0\n");
  setenv("RSG_AGENT", script.c_str(), 1);
  EXPECT_EQ(FindAgentProgram("/configured").value_or(""), script);
  setenv("RSG_AGENT", (folder_ / "nothing").c_str(), 1);
  EXPECT_THAT(std::string(FindAgentProgram(std::nullopt).status().message()), HasSubstr("RSG_AGENT"));
  unsetenv("RSG_AGENT");
  EXPECT_EQ(FindAgentProgram(script.string()).value_or(""), script);
  EXPECT_THAT(std::string(FindAgentProgram("/configured").status().message()), HasSubstr("agent_program"));
}

TEST(Interrupts, SignalsAreCountedAndWakeWhoWaits) {
  const Interrupts interrupts;
  EXPECT_EQ(interrupts.count(), 0);
  raise(SIGINT);
  raise(SIGTERM);
  EXPECT_EQ(interrupts.count(), 2);
  const double before = SystemClock().Monotonic();
  WaitReadable({interrupts.fd()}, 30);
  EXPECT_LT(SystemClock().Monotonic() - before, 10);
}

}  // namespace
}  // namespace rsg::cli
