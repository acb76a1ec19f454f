#include "child.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "common/json.hpp"
#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

constexpr int kTimeoutSeconds = 30;
constexpr std::size_t kEvents = 2;  // of the three pipes

[[noreturn]] void BecomeTrainer(const std::vector<std::string>& arguments, const std::array<int, 3>& writers) {
  // Above 3 first, so that no target is overwritten before it was copied.
  std::array<int, 3> high{};
  for (std::size_t i = 0; i < 3; ++i) high[i] = fcntl(writers[i], F_DUPFD, 10);
  for (int i = 0; i < 3; ++i) dup2(high[static_cast<std::size_t>(i)], i + 1);
  for (int fd = 4; fd < 64; ++fd) close(fd);
  std::vector<char*> argv{const_cast<char*>("rsg-trainer")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  alarm(kTimeoutSeconds);
  execv(RSG_TRAINER_PROGRAM, argv.data());
  _exit(127);
}

}  // namespace

Ended RunTrainer(const std::vector<std::string>& arguments, const OnEvent& on_event) {
  std::array<int, 3> readers{};
  std::array<int, 3> writers{};
  for (std::size_t i = 0; i < 3; ++i) {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
    readers[i] = fds[0];
    writers[i] = fds[1];
  }
  const pid_t pid = fork();
  if (pid == 0) BecomeTrainer(arguments, writers);
  for (const int fd : writers) close(fd);

  Ended ended;
  const std::array<std::string*, 3> texts{&ended.out, &ended.err, &ended.events};
  std::array<pollfd, 3> polls{};
  for (std::size_t i = 0; i < 3; ++i) polls[i] = {.fd = readers[i], .events = POLLIN, .revents = 0};
  for (std::size_t open = 3; open > 0;) {
    poll(polls.data(), polls.size(), -1);
    for (std::size_t i = 0; i < 3; ++i) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t got = read(polls[i].fd, buffer, sizeof buffer);
      if (got > 0) texts[i]->append(buffer, static_cast<std::size_t>(got));
      const bool more = got > 0 && (i != kEvents || !on_event || on_event(pid));
      if (more) continue;
      close(std::exchange(polls[i].fd, -1));
      --open;
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

std::vector<std::string> Tiny(std::vector<std::string> more) {
  std::vector<std::string> arguments{"run", "--model", "resnet18", "--bs", "2", "--size", "32", "--device", "cpu"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<v1::TrainerEvent> EventsOf(const Ended& ended, std::uint32_t batch_size) {
  std::vector<v1::TrainerEvent> events;
  std::size_t begin = 0;
  for (std::size_t end; (end = ended.events.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = ended.events.substr(begin, end - begin);
    events.emplace_back();
    EXPECT_TRUE(FromJson(line, &events.back(), /*ignore_unknown=*/false).ok()) << line;
    EXPECT_TRUE(Validate(events.back(), batch_size).ok()) << line;
  }
  EXPECT_EQ(begin, ended.events.size()) << "half a line at the end";
  return events;
}

}  // namespace rsg::trainer
