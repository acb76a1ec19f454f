// An agent's machine: its state folder, the process that runs there now and then, and that process's loop around the
// real state machine, as agent/agent.cpp has it.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/protocol/machine.hpp"
#include "agent/spool/spool_log.hpp"
#include "ledger.hpp"
#include "spool_disk.hpp"
#include "stream.hpp"
#include "trainer.hpp"

namespace rsg::sim {

class Coordinator;

/// A copy of a state folder, of one moment.
struct Folder {
  Disk::Image spool;
  std::optional<std::uint32_t> start;  ///< of the process that was started last
  bool enrolled = false;
};

/// What outlives the agent's process.
struct Box {
  std::size_t number = 0;
  std::string name;
  std::string secret_sha256;
  std::string join_token;
  v1::MachineFacts machine;
  std::unique_ptr<Disk> disk;  ///< of its spool
  std::size_t segment_bytes = 0;
  std::optional<std::uint32_t> start;  ///< of the process that was started last
  bool enrolled = false;
  double wall = 1.7e9;  ///< its wall clock, when the run began
  double drain_limit = agent::kNever;
  double trouble = 0;  ///< of its trainers
  bool gone = false;   ///< never comes back
};

class AgentProcess {
 public:
  AgentProcess(Basis* basis, Ledger* ledger, const Weather* weather, Coordinator* coordinator, Box* box);
  ~AgentProcess();
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  /// First thing; `exited` is called once, when it has ended by itself, or `killed`, when it died at its spool's disk;
  /// neither from within one of its methods.
  void Run(std::function<void(int code)> exited, std::function<void()> killed);
  void Signal();
  /// SIGSTOP for so long: its trainer goes on, what comes for it waits.
  void Freeze(double seconds);
  /// kill -9, or the machine is gone (`noticed` false); its trainer goes, too. Nothing more may be called.
  void Die(bool noticed);

  const std::shared_ptr<Stream>& stream() const { return stream_; }
  bool over() const { return over_; }
  bool signalled() const { return signalled_; }
  const std::string& instance() const { return instance_; }
  /// It was told that another process has its credential.
  bool superseded() const { return superseded_; }

 private:
  void Give(agent::Event event);
  void Feed(agent::Event event);
  /// Whether anything was to be done.
  bool Handle(const agent::Event& event);
  void HandleAnswers();
  void Do(const agent::Action& action);
  void Dial();
  void Enrol();
  void Send(const v1::AgentMessage& message);
  void Exit(int code);
  void KeepOnDisk(const agent::Keep& keep);
  void DieIfOff();
  void PlanWake();
  void Wake();
  void Thaw();
  double Monotonic() const { return basis_->time.now() + born_; }

  Basis* basis_;
  Ledger* ledger_;
  const Weather* weather_;
  Coordinator* coordinator_;
  Box* box_;
  const std::string instance_;
  const double born_;  // difference of its monotonic clock to the run's
  SpoolDisk spool_disk_;
  agent::SpoolLog spool_;
  std::unique_ptr<agent::Machine> machine_;
  std::function<void(int)> exited_;
  std::function<void()> killed_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Trainer> trainer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::deque<agent::Event> answers_;           // of actions that are done at once
  std::map<std::string, std::string> tokens_;  // of the attempts that it has kept something of
  bool feeding_ = false;
  bool over_ = false;
  bool signalled_ = false;
  bool superseded_ = false;
  double frozen_until_ = 0;
  std::deque<agent::Event> from_trainer_;  // while frozen
  std::deque<agent::Event> from_wire_;
  double wake_at_ = agent::kNever;
  v1::Settings settings_;
};

}  // namespace rsg::sim
