// A trainer as its agent sees it: what it says, how it ends, how it takes signals. No process.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "agent/protocol/events.hpp"
#include "ledger.hpp"

namespace rsg::sim {

class Trainer : public std::enable_shared_from_this<Trainer> {
 public:
  /// What comes out of it, for the agent's loop.
  using Report = std::function<void(agent::Event)>;

  /// `trouble`: how likely it does not simply measure and end.
  Trainer(Basis* basis, Ledger* ledger, v1::Assign assign, double trouble, Report report);

  /// Begins; the first report is Spawned or SpawnFailed.
  void Start();
  void Terminate();
  void Kill();
  /// It is gone with its agent; nothing more is heard.
  void Vanish() { gone_ = true; }

 private:
  enum class Plan {
    kMeasure,
    kNoSpawn,
    kSlowSpawn,
    kOutOfMemory,
    kUnsupported,
    kFail,
    kCrash,
    kHang,
    kGarble,
    kSkipWindow,
    kQuietEnd,
    kStuckAtEnd,
    kLong
  };
  static Plan Draw(Basis* basis, double trouble);
  void After(double delay, void (Trainer::*what)());
  void Begin();
  void Started();
  void Go();
  void SayWindow(std::uint32_t sequence);
  void Finish();
  void EndWith(v1::Outcome outcome);
  void ExitWell();
  void Exit(int code, int signal);
  void Say(v1::TrainerEvent event);
  v1::Result MakeResult() const;

  Basis* basis_;
  Ledger* ledger_;
  const v1::Assign assign_;
  const Report report_;
  const Plan plan_;
  std::uint32_t windows_;  // that it is going to make
  const double interval_;
  std::uint32_t made_ = 0;
  bool running_ = false;  // spawned
  bool told_ = false;     // a signal has come
  bool deaf_;             // to SIGTERM
  bool over_ = false;
  bool gone_ = false;
  std::optional<v1::Result> result_;
};

}  // namespace rsg::sim
