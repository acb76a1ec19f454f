// The coordinator's machine: the real core over the real store on a simulated disk, its streams, its crashes.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "agent.hpp"
#include "audit.hpp"
#include "common/clock.hpp"
#include "coordinator/server/core.hpp"
#include "disk.hpp"

namespace rsg::sim {

class Coordinator final : public Clock {
 public:
  Coordinator(Basis* basis, Ledger* ledger, Disk* disk, Audit* audit, const schedule::Settings& settings);
  ~Coordinator() override;

  double Monotonic() const override { return basis_->time.now() + born_; }
  double Unix() const override { return basis_->time.now() + wall_; }

  /// Starts the program, again and again until its database can be opened.
  void Start();
  bool up() const { return core_ != nullptr; }
  /// Changes with each start and end of the program.
  std::uint64_t life() const { return life_; }
  static const char* database();

  // From agents and the operator. `done` comes unless the coordinator goes down with it.

  void Enrol(const Box& box, std::function<void(const absl::Status&)> done);
  std::shared_ptr<Stream> Dial(const Box& box, const Weather& weather, Stream::AgentEnd agent);
  void Post(server::Core::Action action, server::Core::Done done);
  /// Until the sweep ends; its last state goes into the ledger.
  void Watch(std::int64_t sweep);

  /// Looks at what the coordinator has refused of agents' messages.
  void ProbeRejected();

  // Faults.

  /// kill -9 (kProcess), or the machine goes down; back after so long.
  void Kill(Disk::Crash crash, double down_for);
  /// The operator ends it in good order.
  void Stop(double down_for);
  void Freeze(double seconds);
  void Thaw();
  void JumpWallClock(double seconds) { wall_ += seconds; }
  /// Mean time that a round waits: a slow disk, a busy machine.
  void SetSlowness(double seconds) { slowness_ = seconds; }

  const std::vector<std::shared_ptr<Stream>>& streams() const { return streams_; }

 private:
  class Outlet;
  class Watcher;
  void CheckRefusal(const absl::Status& status);
  void PlanRound(double when);
  void Poke();
  void Round();
  void GoDown(Disk::Crash crash, double down_for);
  void Opened(const std::shared_ptr<Stream>& stream, const std::string& credential_sha256);

  Basis* basis_;
  Ledger* ledger_;
  Disk* disk_;
  Audit* audit_;
  const schedule::Settings settings_;
  double born_ = 0;
  double wall_ = 1.7e9;
  std::unique_ptr<server::Core> core_;
  std::uint64_t life_ = 0;  // counts its starts
  std::vector<std::shared_ptr<Stream>> streams_;
  double round_at_ = -1;  // planned; -1: none
  std::uint64_t round_plan_ = 0;
  double frozen_until_ = 0;
  double slowness_ = 0.002;
};

}  // namespace rsg::sim
