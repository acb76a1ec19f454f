// What the tests of faults have in common: a fleet whose agents run a scripted trainer (a process that says what a real
// one says, at a pace that is set), and the figures: how long until a fault shows, how long until all goes on.
#pragma once
#include <cstdlib>
#include <string>

#include "fleet.hpp"
#include "proxy.hpp"

namespace rsg::e2e {

/// Seconds since a point in time that may be set anew.
class Stopwatch {
 public:
  void Reset() { begun_ = Now(); }
  double Seconds() const { return Now() - begun_; }

 private:
  double begun_ = Now();
};

/// Keeps a fault's figures as properties of the running test and prints them; the program prints all at its end.
/// Negative: there is none, for example because nothing had to be detected.
void Record(const std::string& fault, double seconds_to_detect, double seconds_to_resume, const std::string& note = "");

class FaultFleet : public Fleet {
 protected:
  /// A scripted trainer makes so many windows, so far apart, then ends well.
  std::unique_ptr<Process> StartScripted(const std::string& name, int windows = 100, int pause_milliseconds = 20,
                                         Environment more = {});
  /// An agent that is not to come up: its exit code.
  int WaitForEnd(Process& process) { return process.Wait(20); }

  /// A coordinator that agents reach through `proxy_` alone.
  void StartBehindProxy();
  /// Waits until an agent's session stands on what the coordinator's settings say of silence: from its second one on.
  void Reconnect();

  std::string SubmitOne() { return Submit({"--models", "resnet18", "--bs", "2", "--precision", "fp32"}); }
  int Windows() { return std::atoi(SqlValue("SELECT count(*) FROM windows").c_str()); }
  bool WaitForWindowsOver(int count, double seconds = 20);
  std::string StateOf(const std::string& agent);
  bool WaitForState(const std::string& agent, const std::string& state, double seconds = 20);
  /// Waits until the process has printed `text` `count` times; false after `seconds`.
  static bool WaitForLog(const Process& process, const std::string& text, int count = 1, double seconds = 20);
  static int Count(const std::string& text, const std::string& part);

  /// The sweep is completed by one attempt a job, and nothing is lost or doubled.
  void ExpectCompleted(const std::string& sweep, int jobs, int attempts);

  /// Preloads the shim into programs with this environment; SetShim changes what it does.
  Environment Shim(const std::string& name) const;
  void SetShim(const std::string& name, double clock_offset, double flush_delay = 0) const;

  Proxy proxy_;
};

}  // namespace rsg::e2e
