// A whole fleet under one seed: what it consists of, what befalls it, and whether it keeps its rules.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator.hpp"
#include "vfs.hpp"

namespace rsg::sim {

/// What a seed makes of a world. Each kind of fault is there or not, more or less often: so seeds differ in character.
struct Profile {
  schedule::Settings settings;
  std::size_t agents = 1;
  bool contested = false;    ///< two agents announce the same GPU
  bool empty_disk = false;   ///< else the database is made already
  double fault_seconds = 0;  ///< then all faults end
  double trouble = 0;        ///< of trainers
  double latency = 0;
  // Mean seconds between two faults of a kind; 0: none.
  double stream_breaks = 0;
  double network_stands = 0;
  double coordinator_killed = 0;
  double power_fails = 0;
  double coordinator_ended = 0;
  double coordinator_frozen = 0;
  double coordinator_slow = 0;
  double disk_full = 0;
  double disk_errors = 0;
  double clock_jumps = 0;
  double agent_killed = 0;
  double agent_cut_off = 0;
  double agent_disk_full = 0;
  double agent_disk_errors = 0;
  double agent_disk_rots = 0;  ///< a probability: that a process finds one bit of its spool turned over
  double agent_gone = 0;
  double agent_stopped = 0;
  double agent_frozen = 0;
  double agent_drained = 0;
  double sweep_cancelled = 0;
  double sweep_retried = 0;
  double stale_message = 0;
  double folder_copied = 0;
  double agent_cloned = 0;
  double agent_put_back = 0;
  double database_backed_up = 0;
  double database_put_back = 0;
};

class World {
 public:
  /// `tracing`: keeps the last lines of what happens; changes nothing else.
  World(std::uint64_t seed, bool tracing);
  ~World();

  /// What is wrong, if anything is.
  std::optional<std::string> Run();
  const std::deque<std::string>& trace() const { return basis_.trace; }

 private:
  struct Place {
    Box box;
    Weather weather;
    std::unique_ptr<AgentProcess> process;
    std::optional<Folder> copy;  ///< of its state folder, made earlier
  };
  struct Backup {
    Disk::Image database;
    Promises promises;
  };
  void MakePlaces();
  void PlanSweeps();
  v1::SweepSpec DrawSpec();
  void StartProcess(Place& place);
  void Exited(Place& place, int code);
  void Killed(Place& place);
  void Superseded(Place& place);
  void PlanFaults();
  void Often(double mean, void (World::*fault)());
  Place& AnyPlace() { return *places_[basis_.random.Below(places_.size())]; }
  void Probe();
  void Calm();
  bool Step(double until);
  bool RunUntilEnded(double until);
  std::string Stuck();
  bool OneAliveOfEach() const;
  void EndCopies();

  // Faults (faults.cpp).
  void BreakStream();
  void StandStill();
  void LetStand(Place& place, double seconds);
  void KillCoordinator();
  void FailPower();
  void EndCoordinator();
  void FreezeCoordinator();
  void SlowCoordinator();
  void FillDisk();
  void HurtDisk();
  void JumpClock();
  void KillAgent();
  void CutOffAgent();
  void FillAgentsDisk();
  void HurtAgentsDisk();
  void LoseAgent();
  void StopAgent();
  void FreezeAgent();
  void DrainAgent();
  void CancelSweep();
  void RetrySweep();
  void SayStale();
  // Copies of state folders (copies.cpp).
  void CopyFolder();
  void CloneAgent();
  void PutBackAgent();
  void BackUp();
  void PutBackDatabase();

  Basis basis_;
  Profile profile_;
  Disk disk_;
  DiskVfs vfs_;
  Ledger ledger_;
  Audit audit_;
  Coordinator coordinator_;
  Operator operator_;
  std::vector<std::unique_ptr<Place>> places_;
  std::size_t clones_ = 0;
  std::optional<Backup> backup_;
  std::string token_;
  std::uint64_t steps_ = 0;
};

Profile DrawProfile(Random* random);

}  // namespace rsg::sim
