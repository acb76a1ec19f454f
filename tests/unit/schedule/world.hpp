// A coordinator's state machine with a clock that tests move, and a memory that insists on the rules of the store: what
// changes an attempt carries its token, windows continue without a gap, a job has one result. And on the order of
// control jobs: nothing begins on a device before the first of them has ended, nor the last before all else has.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {

/// Applies changes as the store does; a broken rule fails the test.
class Memory {
 public:
  void Apply(const std::vector<Change>& changes);
  Snapshot Load() const;
  /// An ended sweep as the store hands it out for a retry.
  Coordinator::Ended Find(std::int64_t sweep) const;

  std::map<std::int64_t, SweepRecord> sweeps;
  std::map<JobKey, JobRecord> jobs;
  std::map<AttemptKey, AttemptRecord> attempts;
  std::map<std::string, AgentRecord> agents;
  std::map<std::string, PutMachineTexts> texts;
  std::map<std::string, TokenRecord> tokens;
  std::map<AttemptKey, std::vector<v1::Window>> windows;
  std::map<JobKey, v1::Result> results;

 private:
  std::vector<v1::Job> Controls(std::int64_t sweep) const;
  void CheckControls(const JobRecord& starting) const;
  void ApplyOne(const PutSweep& change) { sweeps[change.sweep.sweep] = change.sweep; }
  void ApplyOne(const PutJob& change);
  void ApplyOne(const PutAgent& change) { agents[change.agent.agent_id] = change.agent; }
  void ApplyOne(const PutToken& change) { tokens[change.token.token_id] = change.token; }
  void ApplyOne(const InsertAttempt& change);
  void ApplyOne(const StartAttempt& change);
  void ApplyOne(const AppendWindows& change);
  void ApplyOne(const EndAttempt& change);
  void ApplyOne(const PutMachineTexts& change) { texts[change.agent_id] = change; }
  // Nobody here forwards anything.
  void ApplyOne(const AdvanceWandbRun&) { ADD_FAILURE(); }
  void ApplyOne(const OpenWandbRun&) { ADD_FAILURE(); }
  void ApplyOne(const ReviseWandbRuns&) { ADD_FAILURE(); }
  AttemptRecord& Current(const AttemptKey& key, const std::string& token);
};

inline const std::string kGpuName = "NVIDIA GeForce RTX 3090";

v1::Device Gpu(const std::string& id, const std::string& name = kGpuName);
v1::Device Cpu(const std::string& id);
v1::Window MakeWindow(std::uint32_t sequence, std::uint32_t batch_size, bool warm_up = false);
v1::Result MakeResult(std::uint32_t batch_size, std::uint32_t windows);
/// Without control cells, so that a test can count its jobs; and as an operator gets it who does not mention them.
v1::SweepSpec Spec(std::vector<std::uint32_t> batch_sizes, std::vector<std::string> models = {"resnet18"});
v1::SweepSpec ControlledSpec(std::vector<std::uint32_t> batch_sizes, std::vector<std::string> models = {"resnet18"});

/// One agent as the coordinator sees it: its credential, its process, its stream.
struct Peer {
  std::string name;
  std::string credential;  // SHA-256
  std::string agent_id;
  std::string instance_id;
  SessionId session = 0;
  std::vector<v1::Device> devices;
  std::vector<std::string> models{"resnet18", "resnet50"};
  std::string machine_id;
  std::string driver_version;
};

inline Settings Ahead(std::uint32_t jobs) {
  Settings settings;
  settings.jobs_ahead = jobs;
  return settings;
}

class World : public testing::Test {
 protected:
  /// One job at a time, so that tests say one after the other what happens.
  World() : World(Ahead(0)) {}
  explicit World(const Settings& settings);

  /// Applies the effects of what just happened and files the messages by session.
  void Commit();
  void Pass(double seconds);  ///< in ticks
  /// A new state machine from what is stored; all streams are gone.
  void Restart();

  Peer Enrol(const std::string& name, std::vector<v1::Device> devices);
  /// Opens a stream and says Hello. `attempts`: what is in hand.
  void Attach(Peer& peer, const std::vector<v1::AttemptInHand>& attempts = {}, bool draining = false);
  Peer Attached(const std::string& name, std::vector<v1::Device> devices);
  void Detach(Peer& peer, bool in_good_order = false);
  void NewProcess(Peer& peer);
  v1::Hello HelloOf(const Peer& peer) const;

  v1::SubmitSweepResponse Submit(const v1::SweepSpec& spec);
  absl::StatusOr<v1::SubmitSweepResponse> TrySubmit(const v1::SweepSpec& spec, bool dry_run = false);

  void Say(const Peer& peer, v1::AgentMessage message);
  void SayStarted(const Peer& peer, const v1::Assign& assign);
  void SayWindows(const Peer& peer, const v1::Assign& assign, std::uint32_t first, std::uint32_t last);
  void SayFinished(const Peer& peer, const v1::Assign& assign, v1::Outcome outcome, std::uint32_t final_sequence);
  /// Starts, two windows, COMPLETED.
  void Complete(const Peer& peer, const v1::Assign& assign);

  // What came to a session, oldest first; taken messages are gone.
  std::vector<v1::CoordinatorMessage> Take(const Peer& peer);
  std::optional<v1::Assign> TakeAssign(const Peer& peer);
  std::optional<v1::Ack> TakeAck(const Peer& peer);
  std::optional<v1::Cancel> TakeCancel(const Peer& peer);
  std::optional<v1::FinishedAck> TakeFinishedAck(const Peer& peer);
  absl::Status ClosedWith(SessionId session) const;

  const JobRecord& Job(std::int64_t sweep, std::int64_t job) const { return memory.jobs.at({sweep, job}); }
  v1::AgentState StateOf(const Peer& peer) const;
  std::uint64_t Rejected(const std::string& reason) const;

  Settings settings;
  Now now{.monotonic = 1000, .unix = 1.7e9};
  Memory memory;
  Effects effects;
  std::vector<v1::SweepStatus> ended;
  std::vector<LogEntry> log;
  std::unique_ptr<Coordinator> coordinator;

 private:
  template <typename Pick>
  auto TakeFirst(const Peer& peer, Pick pick);

  std::map<SessionId, std::vector<v1::CoordinatorMessage>> sent_;
  std::map<SessionId, absl::Status> closed_;
  SessionId last_session_ = 0;
  std::uint64_t random_ = 0;
  int requests_ = 0;
};

/// One agent has the first of two jobs in hand.
class JobInHand : public World {
 protected:
  void SetUp() override {
    agent = Enrol("one", {Cpu("CPU-1")});
    Attach(agent);
    Submit(Spec({2, 4}));
    assign = *TakeAssign(agent);
  }

  Peer agent;
  v1::Assign assign;
};

v1::AttemptInHand InHand(const v1::Assign& assign, std::uint32_t last_sequence = 0, bool finished = false);

/// One agent with room for the job that it runs and two ahead.
class Ahead2 : public World {
 protected:
  Ahead2() : World(Ahead(2)) {}
  void SetUp() override {
    agent = Enrol("one", {Cpu("CPU-1")});
    Attach(agent);
  }
  // What is offered from now on, in order.
  std::vector<std::string> Offers(const Peer& peer) {
    std::vector<std::string> ids;
    while (const auto assign = TakeAssign(peer)) {
      offered[assign->attempt_id()] = *assign;
      ids.push_back(assign->attempt_id());
    }
    return ids;
  }
  std::vector<std::string> Cancels(const Peer& peer) {
    std::vector<std::string> ids;
    while (const auto cancel = TakeCancel(peer)) ids.push_back(cancel->attempt_id());
    return ids;
  }
  v1::AttemptInHand Queued(const std::string& id) const {
    v1::AttemptInHand attempt = InHand(offered.at(id));
    attempt.set_queued(true);
    return attempt;
  }
  v1::Agent Shown() const { return coordinator->ListAgents(now).agents(0); }

  Peer agent;
  std::map<std::string, v1::Assign> offered;
};

}  // namespace rsg::schedule
