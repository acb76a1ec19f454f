// Real processes for end-to-end tests: started in a group of their own, watched with deadlines, never left behind.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace rsg::e2e {

using Environment = std::map<std::string, std::string>;

/// How a command ended and what it printed.
struct Output {
  int exit_code = -1;  ///< 128 + signal when it was killed
  std::string out;
  std::string err;
};

/// Runs to the end, or is killed after `seconds`. The environment is PATH and HOME of ours plus `environment`.
Output RunCommand(const std::vector<std::string>& command, const Environment& environment = {}, double seconds = 60);

/// A process in the background; its whole group is killed with the object. Output goes to `log` (stdout and stderr).
class Process {
 public:
  Process(const std::vector<std::string>& command, const Environment& environment, const std::string& log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  bool Running();
  /// Waits for the end; the exit code, 128 + signal, or -1 when it still runs after `seconds`.
  int Wait(double seconds);
  /// All that it has printed so far.
  std::string Log() const;

 private:
  pid_t pid_;
  int exit_code_ = -1;
  bool ended_ = false;
  std::string log_;
};

/// Direct children of a process, by /proc.
std::vector<pid_t> ChildrenOf(pid_t parent);
/// Whether a process exists and is no zombie.
bool Alive(pid_t pid);

/// Asks `done` every few milliseconds until it is true; false when `seconds` have passed.
template <typename Predicate>
bool Eventually(double seconds, Predicate done);

void SleepMilliseconds(int milliseconds);
double Now();

template <typename Predicate>
bool Eventually(double seconds, Predicate done) {
  const double end = Now() + seconds;
  while (!done()) {
    if (Now() > end) return false;
    SleepMilliseconds(20);
  }
  return true;
}

}  // namespace rsg::e2e
