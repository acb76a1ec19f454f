#include "agent/job/job_runner.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/job/spawn.hpp"
#include "agent/job/trainer_command.hpp"
#include "agent/job/trainer_line.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kLogTail = 16 << 10;
constexpr int kPipeBytes = 1 << 20;             // so that a frozen agent does not block its trainer for a long time
constexpr std::size_t kReadAtOnce = 256 << 10;  // then the loop looks after its other descriptors
constexpr std::size_t kReadAtEnd = 4 << 20;     // more than both pipes hold: nothing writes to them any more
constexpr double kLookSeconds = 0.02;

struct Pipe {
  Descriptor reads;
  Descriptor writes;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe for the trainer");
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{.reads = Descriptor(ends[0]), .writes = Descriptor(ends[1])};
}

// By number: glibc 2.36's sys/pidfd.h cannot be used from C++.
int OpenPidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

/// Reads what is there, at most about `at_most` bytes. Closes the descriptor at its end, for poll() would report a
/// pipe without writers for ever.
void Drain(Descriptor* from, std::size_t at_most, const std::function<void(std::string_view)>& take) {
  char buffer[16 << 10];
  for (std::size_t total = 0; from->open() && total < at_most;) {
    const ssize_t got = read(from->get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return from->Close();
    total += static_cast<std::size_t>(got);
    take(std::string_view(buffer, static_cast<std::size_t>(got)));
  }
}

}  // namespace

JobRunner::~JobRunner() {
  if (!child_) return;
  Kill();
  Reap(child_->pid);
}

absl::Status JobRunner::Start(const JobRequest& request) {
  if (child_) return absl::FailedPreconditionError("a trainer runs already");
  auto events = MakePipe();
  if (!events.ok()) return events.status();
  auto output = MakePipe();
  if (!output.ok()) return output.status();
  fcntl(events->writes.get(), F_SETPIPE_SZ, kPipeBytes);

  const auto pid = SpawnProcess({.program = request.program,
                                 .arguments = request.arguments,
                                 .environment = request.environment,
                                 .descriptors = {{output->writes.get(), STDOUT_FILENO},
                                                 {output->writes.get(), STDERR_FILENO},
                                                 {events->writes.get(), kTrainerEventsFd}}});
  if (!pid.ok()) return pid.status();
  child_.emplace(Child{.attempt_id = request.attempt_id,
                       .batch_size = request.batch_size,
                       .pid = *pid,
                       .pidfd = Descriptor(use_pidfd_ ? OpenPidfd(*pid) : -1),
                       .events = std::move(events->reads),
                       .output = std::move(output->reads),
                       .lines = LineReader(kMaxTrainerLine),
                       .log = LogTail(kLogTail)});
  return absl::OkStatus();
}

void JobRunner::AddPollEntries(std::vector<pollfd>* entries) const {
  if (!child_) return;
  for (const Descriptor* it : {&child_->pidfd, &child_->events, &child_->output}) {
    if (it->open()) entries->push_back({.fd = it->get(), .events = POLLIN, .revents = 0});
  }
}

double JobRunner::CollectEvery() const {
  return child_ && !child_->pidfd.open() ? kLookSeconds : std::numeric_limits<double>::infinity();
}

std::vector<Event> JobRunner::Collect() {
  std::vector<Event> events;
  if (!child_) return events;
  // Looked at before the pipes are read: what it wrote before it ended is then certainly there. WNOWAIT, so that its id
  // stays its own until its group has been killed.
  siginfo_t info{};
  const bool ended =
      waitid(P_PID, static_cast<id_t>(child_->pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
  if (ended) kill(-child_->pid, SIGKILL);
  ReadOutput(ended ? kReadAtEnd : kReadAtOnce);
  ReadEvents(ended ? kReadAtEnd : kReadAtOnce, &events);
  if (ended) TakeExit(info, &events);
  return events;
}

void JobRunner::ReadOutput(std::size_t at_most) {
  Drain(&child_->output, at_most, [this](std::string_view text) { child_->log.Append(text); });
}

void JobRunner::ReadEvents(std::size_t at_most, std::vector<Event>* events) {
  Drain(&child_->events, at_most, [&](std::string_view text) {
    if (child_->garbled) return;
    if (child_->lines.Feed(text, [&](std::string_view line) { TakeLine(line, events); })) return;
    child_->garbled = true;
    events->push_back(
        TrainerGarbled{child_->attempt_id, absl::StrCat("a line is longer than ", kMaxTrainerLine, " bytes")});
  });
}

void JobRunner::TakeLine(std::string_view line, std::vector<Event>* events) {
  if (child_->garbled) return;
  auto event = ParseTrainerLine(line, child_->batch_size);
  if (event.ok()) {
    events->push_back(TrainerSaid{child_->attempt_id, *std::move(event)});
    return;
  }
  child_->garbled = true;
  events->push_back(TrainerGarbled{child_->attempt_id, std::string(event.status().message())});
}

void JobRunner::TakeExit(const siginfo_t& info, std::vector<Event>* events) {
  const bool by_signal = info.si_code != CLD_EXITED;
  // Whoever is killed may be killed in mid-line; whoever ends by itself and content has finished its sentences.
  if (!by_signal && info.si_status == 0 && child_->lines.in_line() && !child_->garbled)
    events->push_back(TrainerGarbled{child_->attempt_id, "it ended in the middle of a line"});
  events->push_back(ChildExited{.attempt_id = child_->attempt_id,
                                .exit_code = by_signal ? 0 : info.si_status,
                                .signal = by_signal ? info.si_status : 0,
                                .log_tail = child_->log.Text()});
  waitpid(child_->pid, nullptr, 0);
  child_.reset();
}

void JobRunner::Terminate() {
  if (child_) kill(child_->pid, SIGTERM);
}

void JobRunner::Kill() {
  if (child_) kill(-child_->pid, SIGKILL);
}

}  // namespace rsg::agent
