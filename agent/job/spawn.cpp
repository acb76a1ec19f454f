#include "agent/job/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/job/descriptor.hpp"
#include "common/clock.hpp"
#include "common/core_dump.hpp"
#include "common/duration.hpp"
#include "common/log.hpp"

namespace rsg::agent {
namespace {

constexpr int kLowest = 16;     // our ends stay above whatever the child's become
constexpr int kErrorPipe = 10;  // in the child, until exec closes it
constexpr int kOomAboveAgent = 500;
constexpr rlim_t kDescriptors = 4096;  // many more than CUDA and a thread pool open

// All that the child needs between fork and exec, made before: nothing may be allocated there.
struct Prepared {
  const char* program;
  char* const* argv;
  char* const* envp;
  const std::pair<int, int>* descriptors;
  std::size_t descriptor_count;
  int null_fd;
  int error_fd;
  pid_t parent;
  char oom_score[12];
  int highest_fd;
  bool no_new_privileges;
};

int OwnOomScore() {
  int score = 0;
  std::ifstream("/proc/self/oom_score_adj") >> score;
  return score;
}

// CUDA has a program with the setuid bit make the driver's device where nobody else has done so yet.
bool MayNeedModprobe() { return access("/proc/driver/nvidia", F_OK) == 0 && access("/dev/nvidia-uvm", F_OK) != 0; }

// Below here: async-signal-safe calls only.

[[noreturn]] void GiveUp(int error_fd) {
  const int error = errno;
  [[maybe_unused]] const auto put = write(error_fd, &error, sizeof error);
  _exit(127);
}

void RaiseOomScore(const char* score) {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  std::size_t length = 0;
  while (score[length] != '\0') ++length;
  [[maybe_unused]] const auto put = write(fd, score, length);
  close(fd);
}

void ResetSignals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Not its memory nor its address space, of which CUDA reserves more than any machine has; that of tensors is capped by
// the trainer itself.
void Limit(int error_fd) {
  rlimit descriptors{};
  if (ForbidCoreDumps() != 0 || getrlimit(RLIMIT_NOFILE, &descriptors) != 0) GiveUp(error_fd);
  descriptors.rlim_max = descriptors.rlim_max < kDescriptors ? descriptors.rlim_max : kDescriptors;
  descriptors.rlim_cur = descriptors.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0) GiveUp(error_fd);
}

void CloseFrom(int first, int highest) {
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0u, 0u) == 0) return;
  for (int fd = first; fd <= highest; ++fd) close(fd);
}

[[noreturn]] void RunChild(const Prepared& prepared) {
  setpgid(0, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) GiveUp(prepared.error_fd);
  if (getppid() != prepared.parent) _exit(127);  // it died before the request was in force
  RaiseOomScore(prepared.oom_score);
  Limit(prepared.error_fd);
  if (prepared.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) GiveUp(prepared.error_fd);
  ResetSignals();
  if (dup2(prepared.null_fd, 0) < 0) GiveUp(prepared.error_fd);
  for (std::size_t i = 0; i < prepared.descriptor_count; ++i) {
    if (dup2(prepared.descriptors[i].first, prepared.descriptors[i].second) < 0) GiveUp(prepared.error_fd);
  }
  if (dup3(prepared.error_fd, kErrorPipe, O_CLOEXEC) < 0) GiveUp(prepared.error_fd);
  CloseFrom(kErrorPipe + 1, prepared.highest_fd);
  // Those between that were not asked for; what is ours there need not be close-on-exec.
  for (int fd = 1; fd < kErrorPipe; ++fd) {
    bool wanted = false;
    for (std::size_t i = 0; i < prepared.descriptor_count; ++i) wanted |= prepared.descriptors[i].second == fd;
    if (!wanted) close(fd);
  }
  execve(prepared.program, prepared.argv, prepared.envp);
  GiveUp(kErrorPipe);
}

// Above here: async-signal-safe calls only.

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

absl::StatusOr<Descriptor> Above(int fd) {
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, kLowest);
  if (high < 0) return absl::ErrnoToStatus(errno, "cannot duplicate a descriptor for the child");
  return Descriptor(high);
}

// Waits until the child has become the program (the pipe closes) or says why it could not. Bounded, for a child on a
// hung network file system must not hang the agent.
int ReadExecError(int fd) {
  constexpr int kMilliseconds = 10'000;
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  int ready = 0;
  do ready = poll(&entry, 1, kMilliseconds);
  while (ready < 0 && errno == EINTR);
  if (ready <= 0) return ETIMEDOUT;
  int error = 0;
  return read(fd, &error, sizeof error) == sizeof error ? error : 0;
}

int HighestDescriptor() {
  constexpr rlim_t kMost = 65536;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int>(std::min(limit.rlim_cur, kMost));
}

}  // namespace

absl::StatusOr<pid_t> SpawnProcess(const SpawnRequest& request) {
  if (getpid() != gettid()) return absl::FailedPreconditionError("a child must be started from the main thread");
  std::vector<std::string> arguments{request.program};
  arguments.insert(arguments.end(), request.arguments.begin(), request.arguments.end());
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(request.environment);

  std::vector<Descriptor> copies;
  std::vector<std::pair<int, int>> descriptors;
  for (const auto& [ours, theirs] : request.descriptors) {
    auto copy = Above(ours);
    if (!copy.ok()) return copy.status();
    descriptors.emplace_back(copy->get(), theirs);
    copies.push_back(*std::move(copy));
  }
  const Descriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe for the child");
  const Descriptor reads(ends[0]);
  Descriptor writes(ends[1]);
  auto error_copy = Above(writes.get());
  auto null_copy = Above(null.get());
  if (!error_copy.ok() || !null_copy.ok()) return absl::ResourceExhaustedError("no descriptor is left for the child");

  Prepared prepared{.program = request.program.c_str(),
                    .argv = argv.data(),
                    .envp = envp.data(),
                    .descriptors = descriptors.data(),
                    .descriptor_count = descriptors.size(),
                    .null_fd = null_copy->get(),
                    .error_fd = error_copy->get(),
                    .parent = getpid(),
                    .oom_score = {},
                    .highest_fd = HighestDescriptor(),
                    .no_new_privileges = !MayNeedModprobe()};
  std::snprintf(prepared.oom_score, sizeof prepared.oom_score, "%d", std::min(1000, OwnOomScore() + kOomAboveAgent));

  // _Fork, for fork runs the handlers that libraries registered, and those are not safe beside other threads.
  const pid_t pid = _Fork();
  if (pid < 0) return absl::ResourceExhaustedError(absl::StrCat("cannot fork: ", strerror(errno)));
  if (pid == 0) RunChild(prepared);
  setpgid(pid, pid);  // whoever of the two comes first
  writes.Close();
  error_copy->Close();
  const int error = ReadExecError(reads.get());
  if (error == 0) return pid;
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return absl::ErrnoToStatus(error, absl::StrCat("cannot start ", request.program));
}

std::optional<int> Reap(pid_t pid, double seconds) {
  constexpr unsigned kLookMicroseconds = 10'000;
  const double until = SystemClock().Monotonic() + seconds;
  while (true) {
    int status = 0;
    const pid_t reaped = waitpid(pid, &status, WNOHANG);
    if (reaped == pid) return status;
    if (reaped < 0 && errno != EINTR) return std::nullopt;  // it is no child of ours any more
    if (SystemClock().Monotonic() >= until) break;
    usleep(kLookMicroseconds);
  }
  LogLine(
      LogLevel::kWarning,
      absl::StrCat("process ", pid, " still lives ", FormatDuration(seconds),
                   " after SIGKILL and is left alone; if it stays, restart the machine (dmesg may say what hangs)"));
  return std::nullopt;
}

}  // namespace rsg::agent
