// The running agent: one poll() loop on the main thread that brings the state machine, the wire, the child and signals
// together.
#pragma once
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "agent/connection/fleet_link.hpp"
#include "agent/job/job_runner.hpp"
#include "agent/protocol/machine.hpp"
#include "agent/script/script_fetcher.hpp"
#include "agent/spool/spool_log.hpp"

namespace rsg::agent {

struct AgentParts {
  Machine* machine;
  FleetLink* link;
  JobRunner* runner;
  ScriptFetcher* fetcher;
  SpoolLog* spool;
  int script_fd;        ///< readable when the fetcher has something to take
  int signal_fd;        ///< a signalfd of SIGINT and SIGTERM, which are blocked in every thread
  std::string trainer;  ///< path
  std::filesystem::path state_folder;
  std::vector<std::string> child_environment;
  std::function<absl::Status()> on_enrolled;  ///< writes down that the credential was accepted
};

class Agent {
 public:
  explicit Agent(AgentParts parts) : parts_(std::move(parts)) {}

  /// Runs until the state machine says Exit; returns its code. The child is gone by then.
  int Run();

 private:
  void Wait();
  void TakeSignals();
  void Feed(Event event);
  void Do(const Action& action);
  void KeepOnDisk(const Keep& keep);
  void Begin(const Spawn& spawn);
  void TakeScript();
  void GiveUpScript();
  Event StartTrainer(const Spawn& spawn, const std::filesystem::path& script);

  AgentParts parts_;
  std::deque<Event> answers_;     // of actions that are done at once
  std::optional<Spawn> waiting_;  // for its script
  double spool_warned_at_ = -kNever;
  std::optional<int> exit_code_;
};

}  // namespace rsg::agent
