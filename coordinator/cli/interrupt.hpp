// Ctrl-C and its like, as something to wait for.
#pragma once
#include <initializer_list>
#include <vector>

#include <signal.h>

namespace rsg::cli {

/// While it lives, SIGINT, SIGTERM and SIGHUP are counted instead of ending the process. At most one at a time.
class Interrupts {
 public:
  /// Throws std::system_error when the system has no descriptor left.
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Signals so far.
  int count() const;
  /// Readable, and stays so, from the first signal on.
  int fd() const;

 private:
  std::vector<struct sigaction> before_;
};

/// Waits up to `seconds` until one of the descriptors is readable; returns sooner when one is, or at a signal.
void WaitReadable(std::initializer_list<int> descriptors, double seconds);

}  // namespace rsg::cli
