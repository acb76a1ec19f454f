// One trainer at a time as a child process: starts it, reads its pipes, ends it. Never waits: made for a poll() loop.
// Main thread only. Memory is bounded whatever the child writes.
#pragma once
#include <poll.h>
#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/job/descriptor.hpp"
#include "agent/job/line_reader.hpp"
#include "agent/job/log_tail.hpp"
#include "agent/protocol/events.hpp"

namespace rsg::agent {

struct JobRequest {
  std::string attempt_id;
  std::string program;  ///< path of rsg-trainer
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< NAME=value; all there is
  std::uint32_t batch_size = 0;          ///< of the job, to check the windows by
};

class JobRunner {
 public:
  /// `use_pidfd` false: as on a kernel older than 5.3, where the child's end is found by looking.
  explicit JobRunner(bool use_pidfd = true) : use_pidfd_(use_pidfd) {}
  /// Kills what runs, and waits for it, as Reap does.
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  /// Starts the child. FAILED_PRECONDITION while another one runs; otherwise SpawnProcess's errors.
  absl::Status Start(const JobRequest& request);

  /// Adds what poll() is to watch.
  void AddPollEntries(std::vector<pollfd>* entries) const;
  /// Collect is due at least this often (seconds), besides when a poll entry is ready; infinite when that is enough.
  double CollectEvery() const;

  /// What the child has said and whether it has ended, in order; ChildExited is the last one and says that its whole
  /// process group is gone. Never waits.
  std::vector<Event> Collect();

  /// SIGTERM to the child, SIGKILL to its process group. Nothing when none runs.
  void Terminate();
  void Kill();

  bool running() const { return child_.has_value(); }
  pid_t pid() const { return child_ ? child_->pid : 0; }

 private:
  struct Child {
    std::string attempt_id;
    std::uint32_t batch_size;
    pid_t pid;
    Descriptor pidfd;
    Descriptor events;
    Descriptor output;
    LineReader lines;
    LogTail log;
    bool garbled = false;
  };
  void ReadOutput(std::size_t at_most);
  void ReadEvents(std::size_t at_most, std::vector<Event>* events);
  void TakeLine(std::string_view line, std::vector<Event>* events);
  void TakeExit(const siginfo_t& info, std::vector<Event>* events);

  const bool use_pidfd_;
  std::optional<Child> child_;
};

}  // namespace rsg::agent
