#include "coordinator/cli/agent_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/clock.hpp"
#include "coordinator/cli/config.hpp"

namespace rsg::cli {
namespace fs = std::filesystem;

namespace {

constexpr double kForceSeconds = 10;  // from "at once" to SIGKILL

bool IsProgram(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int log;
  int failure;  // where errno goes when the program cannot be started
  pid_t parent;
};

// Between fork and exec in a process with threads: async-signal-safe calls only.
[[noreturn]] void RunChild(const Launch& launch) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(127);  // it died before the line above
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(launch.log, STDOUT_FILENO);
  dup2(launch.log, STDERR_FILENO);
  close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
  execve(launch.program, launch.arguments, launch.environment);
  const int error = errno;
  [[maybe_unused]] const auto written = write(launch.failure, &error, sizeof error);
  _exit(127);
}

std::string HowItEnded(int wait_status) {
  if (WIFSIGNALED(wait_status)) return fmt::format("was killed by signal {}", WTERMSIG(wait_status));
  return fmt::format("ended with exit code {}", WEXITSTATUS(wait_status));
}

}  // namespace

absl::StatusOr<fs::path> FindAgentProgram(const std::optional<std::string>& configured) {
  if (const auto named = ProcessEnvironment("RSG_AGENT")) {
    if (IsProgram(*named)) return fs::path(*named);
    return absl::NotFoundError(fmt::format("RSG_AGENT: '{}' is no program; unset it or name rsg-agent", *named));
  }
  if (configured) {
    if (IsProgram(*configured)) return fs::path(*configured);
    return absl::NotFoundError(fmt::format("agent_program: '{}' is no program; name rsg-agent", *configured));
  }
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path() / "rsg-agent";
  if (IsProgram(beside)) return beside;
  const std::string path = ProcessEnvironment("PATH").value_or("");
  for (const absl::string_view folder : absl::StrSplit(path, ':', absl::SkipEmpty()))
    if (const fs::path candidate = fs::path(std::string(folder)) / "rsg-agent"; IsProgram(candidate)) return candidate;
  return absl::NotFoundError(
      fmt::format("rsg-agent is neither {} nor on PATH; name it with RSG_AGENT", beside.string()));
}

absl::StatusOr<AgentProcess> AgentProcess::Start(const fs::path& program, std::vector<std::string> environment,
                                                 const fs::path& log) {
  std::string name = program.string();
  char* arguments[] = {name.data(), nullptr};
  std::vector<char*> variables;
  for (std::string& variable : environment) variables.push_back(variable.data());
  variables.push_back(nullptr);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) return absl::ErrnoToStatus(errno, fmt::format("cannot write {}", log.string()));
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) {
    const int error = errno;
    close(log_fd);
    return absl::ErrnoToStatus(error, "cannot make a pipe");
  }
  const Launch launch{name.c_str(), arguments, variables.data(), log_fd, failure[1], getpid()};
  const pid_t pid = fork();
  int error = pid < 0 ? errno : 0;
  if (pid == 0) RunChild(launch);
  close(log_fd);
  close(failure[1]);
  if (pid > 0) {
    ssize_t got = 0;
    do got = read(failure[0], &error, sizeof error);
    while (got < 0 && errno == EINTR);
    if (got != sizeof error) error = 0;
    if (error != 0) waitpid(pid, nullptr, 0);
  }
  close(failure[0]);
  if (error != 0) return absl::ErrnoToStatus(error, fmt::format("cannot start {}", name));
  return AgentProcess(pid, log);
}

AgentProcess::AgentProcess(AgentProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), log_(std::move(other.log_)), wait_status_(other.wait_status_) {}

AgentProcess::~AgentProcess() {
  if (!Running()) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool AgentProcess::Running() {
  if (pid_ == 0) return false;
  if (waitpid(pid_, &wait_status_, WNOHANG) == 0) return true;
  pid_ = 0;
  return false;
}

absl::Status AgentProcess::Check() {
  if (Running()) return absl::OkStatus();
  const std::string tail = LastLines(log_, 15);
  return absl::AbortedError(fmt::format("rsg-agent {}; the end of its log, {}:\n{}", HowItEnded(wait_status_),
                                        log_.string(), tail.empty() ? "(empty)" : tail));
}

void AgentProcess::Stop(double patience_seconds, const std::function<bool()>& hurry) {
  if (!Running()) return;
  const double start = SystemClock().Monotonic();
  double at_once = 0;  // when it was told so
  kill(pid_, SIGTERM);
  while (Running()) {
    const double now = SystemClock().Monotonic();
    if (at_once == 0 && (now - start > patience_seconds || hurry())) {
      at_once = now;
      kill(pid_, SIGTERM);  // the second one ends it at once
    }
    if (at_once > 0 && now - at_once > kForceSeconds) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::string LastLines(const fs::path& path, int count) {
  constexpr std::streamoff kMaxBytes = 4096;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  const std::streamoff start = size > kMaxBytes ? size - kMaxBytes : 0;
  file.seekg(start);
  std::string text(static_cast<std::size_t>(size - start), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::size_t at = text.size();
  for (int line = 0; line < count && at != std::string::npos && at > 0; ++line) at = text.rfind('\n', at - 1);
  if (at != std::string::npos && at > 0) return text.substr(at + 1);
  // All of it, but for a first line that was cut.
  if (start > 0 && text.find('\n') != std::string::npos) return text.substr(text.find('\n') + 1);
  return text;
}

std::vector<std::string> AgentEnvironment(const char* const* environment, const std::vector<std::string>& more) {
  std::vector<std::string> variables = more;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    bool ours = false;
    for (const char* name :
         {"RSG_JOIN=", "RSG_OPERATOR=", "RSG_STATE=", "RSG_AGENT=", "RSG_DRAIN_LIMIT=", "WANDB_API_KEY="})
      ours = ours || variable.starts_with(name);
    if (!ours) variables.emplace_back(variable);
  }
  return variables;
}

}  // namespace rsg::cli
