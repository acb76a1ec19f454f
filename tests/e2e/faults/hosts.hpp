// Two hosts on one machine: this process goes into a network namespace of its own, in which the coordinator is to run,
// and another one is made for agents. Both go with this process. Needs root (or CAP_SYS_ADMIN and CAP_NET_ADMIN).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "process.hpp"

namespace rsg::e2e {

class Hosts {
 public:
  /// Null where it cannot be done; `why` tells.
  static std::unique_ptr<Hosts> Make(const std::string& folder, std::string* why);

  const std::string coordinator = "10.77.0.1";
  const std::string agent = "10.77.0.2";

  /// What to put before a command so that it runs on the agent's host.
  std::vector<std::string> OnAgentHost() const;

  /// All packets between the two are dropped, each way, without a word; or no more.
  bool Drop(bool on) const;
  /// The agent's host sends no more than this; 0: as much as it likes. False where the kernel has no token bucket.
  bool Throttle(int kbit_per_second) const;

 private:
  Hosts() = default;
  std::unique_ptr<Process> keeper_;  // holds the agent's namespace
};

}  // namespace rsg::e2e
