// The whole program with a fake trainer, against a coordinator in this process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "common/clock.hpp"
#include "machine_driver.hpp"
#include "test_fleet.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kPatience = 20;

std::string Slurp(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class AgentProcess : public ::testing::Test {
 protected:
  AgentProcess() : fleet_([this](const v1::AgentMessage& message) { return Answer(message); }) {}

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "rsg-agent-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fleet_.Start();
  }
  void TearDown() override {
    if (pid_ > 0) kill(pid_, SIGKILL);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    fleet_.Stop();
    if (HasFailure()) std::fputs(Log().c_str(), stderr);
    std::filesystem::remove_all(folder_);
  }

  void StartAgent(const std::string& mode, bool with_join = true) { StartAgent(mode, with_join, fleet_); }
  void StartAgent(const std::string& mode, bool with_join, const TestFleet& fleet) {
    const char* sanitizer = std::getenv("LSAN_OPTIONS");
    std::vector<std::string> environment{"PATH=/usr/bin:/bin", std::string("RSG_TRAINER=") + RSG_FAKE_TRAINER,
                                         "RSG_STATE=" + (folder_ / "state").string(), "OMP_FAKE_TRAINER=" + mode,
                                         std::string("LSAN_OPTIONS=") + (sanitizer == nullptr ? "" : sanitizer)};
    if (with_join) environment.push_back("RSG_JOIN=" + EncodeJoinLine(fleet.Join()));
    std::vector<char*> variables;
    for (std::string& variable : environment) variables.push_back(variable.data());
    variables.push_back(nullptr);
    std::string program = RSG_AGENT;
    std::string option = "--name";
    std::string name = "one";
    char* arguments[] = {program.data(), option.data(), name.data(), nullptr};
    // Not fork: gRPC's threads may hold the allocator's lock at that moment, and a child that allocates hangs.
    const std::string log = folder_ / "log";
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    EXPECT_EQ(posix_spawn(&pid_, RSG_AGENT, &files, nullptr, arguments, variables.data()), 0);
    posix_spawn_file_actions_destroy(&files);
  }

  /// Exit code, or 128 + signal; -1 when it takes too long.
  int WaitForExit() {
    const double until = SystemClock().Monotonic() + kPatience;
    while (SystemClock().Monotonic() < until) {
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return -1;
  }

  bool WaitForFinish(v1::Outcome outcome) {
    return fleet_.WaitFor([&](const std::deque<v1::AgentMessage>& messages) {
      for (const v1::AgentMessage& message : messages) {
        if (message.has_attempt_finished() && message.attempt_finished().outcome() == outcome) return true;
      }
      return false;
    });
  }
  // Looked for among all that have come: a heartbeat may be behind it before the test looks.
  template <typename Is>
  bool WaitForCount(std::ptrdiff_t count, Is is) {
    return fleet_.WaitFor(
        [&](const auto& messages) { return std::count_if(messages.begin(), messages.end(), is) >= count; });
  }
  std::string Log() const { return Slurp(folder_ / "log"); }

  // Assigns one attempt to whoever says hello with nothing in hand, and acknowledges everything.
  std::deque<v1::CoordinatorMessage> Answer(const v1::AgentMessage& message) {
    std::deque<v1::CoordinatorMessage> answers;
    if (message.has_hello()) {
      answers.push_back(WelcomeMessage());
      v1::Assign assign = GoodAssign();
      assign.set_device_id(message.hello().machine().devices(0).id());
      answers.push_back(AssignMessage(assign));
    }
    if (mute_) return answers;
    if (message.has_window_batch()) {
      const v1::WindowBatch& batch = message.window_batch();
      answers.push_back(AckMessage(batch.attempt_id(), batch.windows(batch.windows_size() - 1).sequence()));
    }
    if (message.has_attempt_finished()) answers.push_back(FinishedAckMessage(message.attempt_finished().attempt_id()));
    return answers;
  }

  std::filesystem::path folder_;
  std::atomic<bool> mute_ = false;  // acknowledges nothing
  TestFleet fleet_;
  pid_t pid_ = 0;
};

TEST_F(AgentProcess, JoinsRunsDeliversDrains) {
  StartAgent("good");
  ASSERT_TRUE(WaitForFinish(v1::OUTCOME_COMPLETED));
  EXPECT_THAT(Slurp("/proc/" + std::to_string(pid_) + "/environ"), Not(HasSubstr("rsg-join-1")));
  kill(pid_, SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
  EXPECT_TRUE(fleet_.WaitForGoodbye());
  EXPECT_THAT(Log(), Not(HasSubstr("rsg-join-1")));
  EXPECT_THAT(Log(), Not(HasSubstr("good token")));

  StartAgent("good", /*with_join=*/false);  // the state folder remembers
  ASSERT_TRUE(fleet_.WaitFor([](const auto& messages) {
    return std::count_if(messages.begin(), messages.end(), [](const auto& it) { return it.has_hello(); }) == 2;
  }));
  kill(pid_, SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(AgentProcess, FirstInterruptFinishesTheSecondStops) {
  StartAgent("slow");
  ASSERT_TRUE(WaitForCount(1, [](const auto& message) { return message.has_window_batch(); }));
  kill(pid_, SIGINT);
  EXPECT_TRUE(WaitForFinish(v1::OUTCOME_COMPLETED)) << "what is in hand is finished and delivered";
  EXPECT_EQ(WaitForExit(), 0);
  EXPECT_THAT(Log(), HasSubstr("draining: finishing s1.1.1"));

  const auto drains = [](const auto& message) { return message.has_heartbeat() && message.heartbeat().draining(); };
  std::ptrdiff_t drained = 0;  // said so far, by the first process
  fleet_.WaitFor([&](const auto& messages) {
    drained = std::count_if(messages.begin(), messages.end(), drains);
    return true;
  });
  StartAgent("hang");
  ASSERT_TRUE(WaitForCount(2, [](const auto& message) { return message.has_attempt_started(); }));
  kill(pid_, SIGINT);
  ASSERT_TRUE(WaitForCount(drained + 1, drains));
  kill(pid_, SIGINT);
  EXPECT_EQ(WaitForExit(), 130);
  EXPECT_TRUE(WaitForFinish(v1::OUTCOME_LOST)) << "the coordinator is told";
}

TEST_F(AgentProcess, BadTrainersFailTheJobAndTheAgentLives) {
  for (const char* mode : {"garbage", "half", "nan", "flood", "abort", "exit-1"}) {
    StartAgent(mode);
    EXPECT_TRUE(WaitForFinish(v1::OUTCOME_FAILED)) << mode;
    kill(pid_, SIGTERM);
    EXPECT_EQ(WaitForExit(), 0) << mode;
    fleet_.Clear();
  }
}

TEST_F(AgentProcess, LostCredentialIsRenewedByTheJoinLine) {
  StartAgent("good");
  ASSERT_TRUE(WaitForFinish(v1::OUTCOME_COMPLETED));
  kill(pid_, SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
  fleet_.ForgetAgents();
  StartAgent("good");
  ASSERT_TRUE(fleet_.WaitFor([](const auto& messages) {
    return std::count_if(messages.begin(), messages.end(), [](const auto& it) { return it.has_hello(); }) == 2;
  }));
  kill(pid_, SIGTERM);
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(AgentProcess, AnotherCoordinatorHearsNothingOfWhatIsKeptForTheFirst) {
  mute_ = true;
  StartAgent("good");
  const double until = SystemClock().Monotonic() + kPatience;
  while (Log().find(": COMPLETED") == std::string::npos && SystemClock().Monotonic() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_THAT(Log(), HasSubstr(": COMPLETED"));
  kill(pid_, SIGKILL);
  EXPECT_EQ(WaitForExit(), 128 + SIGKILL);
  TestFleet other([this](const auto& message) { return Answer(message); });
  other.Start();
  StartAgent("good", /*with_join=*/true, other);
  v1::Hello hello;
  ASSERT_TRUE(other.WaitFor([&](const auto& messages) {
    if (messages.empty()) return false;
    hello = messages.front().hello();
    return true;
  }));
  EXPECT_EQ(hello.attempts_size(), 0) << "its lease token is the first one's secret";
  std::ptrdiff_t spools = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "state"))
    if (entry.path().filename().string().starts_with("spool-")) spools += !std::filesystem::is_empty(entry.path());
  EXPECT_GE(spools, 1) << "nor is it thrown away";
  kill(pid_, SIGKILL);
  WaitForExit();
  other.Stop();
}

TEST_F(AgentProcess, TwoOnOneStateFolderAreOneTooMany) {
  StartAgent("good");
  ASSERT_TRUE(WaitForFinish(v1::OUTCOME_COMPLETED));
  const pid_t first = pid_;
  StartAgent("good");
  EXPECT_EQ(WaitForExit(), 1);
  EXPECT_THAT(Log(), HasSubstr("another rsg program"));
  pid_ = first;
}

}  // namespace
}  // namespace rsg::agent
