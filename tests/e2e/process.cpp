#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace rsg::e2e {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Flatten(Environment environment) {
  for (const char* name : {"PATH", "HOME", "OMP_NUM_THREADS", "TMPDIR"})
    if (const char* value = std::getenv(name); value != nullptr) environment.try_emplace(name, value);
  std::vector<std::string> flat;
  for (const auto& [name, value] : environment) flat.push_back(name + "=" + value);
  return flat;
}

pid_t Spawn(std::vector<std::string> command, const Environment& environment, int out, int err) {
  auto arguments = Pointers(command);
  auto flat = Flatten(environment);
  auto variables = Pointers(flat);
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) {
    setpgid(0, 0);
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(out, 1);
    dup2(err, 2);
    execve(arguments[0], arguments.data(), variables.data());
    _exit(127);
  }
  setpgid(pid, pid);
  return pid;
}

int ExitCode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// Reads what is there; false at the end of the stream.
bool Drain(int fd, std::string* text) {
  char buffer[16384];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  if (got > 0) text->append(buffer, static_cast<std::size_t>(got));
  return got > 0;
}

}  // namespace

Output RunCommand(const std::vector<std::string>& command, const Environment& environment, double seconds) {
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  const pid_t pid = Spawn(command, environment, out[1], err[1]);
  close(out[1]);
  close(err[1]);
  Output output;
  pollfd entries[2]{{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  const double end = Now() + seconds;
  while (entries[0].fd >= 0 || entries[1].fd >= 0) {
    const double left = end - Now();
    if (left <= 0 || poll(entries, 2, static_cast<int>(left * 1000) + 1) < 0) break;
    if (entries[0].revents != 0 && !Drain(out[0], &output.out)) entries[0].fd = -1;
    if (entries[1].revents != 0 && !Drain(err[0], &output.err)) entries[1].fd = -1;
  }
  if (Now() >= end) kill(-pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  output.exit_code = ExitCode(status);
  close(out[0]);
  close(err[0]);
  return output;
}

Process::Process(const std::vector<std::string>& command, const Environment& environment, const std::string& log)
    : log_(log) {
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot write " + log);
  pid_ = Spawn(command, environment, fd, fd);
  close(fd);
}

Process::~Process() {
  if (Running()) {
    kill(-pid_, SIGCONT);
    kill(-pid_, SIGKILL);
    Wait(10);
  }
}

void Process::Signal(int number) const { kill(pid_, number); }

bool Process::Running() { return Wait(0) == -1 && !ended_; }

int Process::Wait(double seconds) {
  const double end = Now() + seconds;
  while (!ended_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = ExitCode(status);
      ended_ = true;
    } else if (Now() >= end) {
      return -1;
    } else {
      SleepMilliseconds(10);
    }
  }
  return exit_code_;
}

std::string Process::Log() const {
  std::ostringstream text;
  text << std::ifstream(log_).rdbuf();
  return text.str();
}

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string line;
    std::getline(stat, line);
    const auto close_paren = line.rfind(')');  // the command's name may hold spaces
    if (close_paren == std::string::npos) continue;
    char state = 0;
    pid_t ppid = 0;
    std::istringstream(line.substr(close_paren + 1)) >> state >> ppid;
    if (ppid == parent && state != 'Z') children.push_back(std::stoi(name));
  }
  return children;
}

bool Alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(stat, line)) return false;
  const auto close_paren = line.rfind(')');
  return close_paren != std::string::npos && line.size() > close_paren + 2 && line[close_paren + 2] != 'Z';
}

void SleepMilliseconds(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace rsg::e2e
