// One trainer process, from its start to its end: checks what it says, bounds how long it runs, decides the outcome of
// the attempt. Pure.
#pragma once
#include <limits>
#include <optional>
#include <string>

#include "agent/protocol/events.hpp"

namespace rsg::agent {

inline constexpr double kNever = std::numeric_limits<double>::infinity();

class ChildWatch {
 public:
  /// The child of `assign` is about to be started at `now`. After a SIGTERM it has `kill_after` seconds.
  ChildWatch(const v1::Assign& assign, double kill_after, double now);

  /// The child runs: until now its script may have been fetched.
  void Spawned(double now);
  /// A valid line of the trainer. The window to keep, if the line is one that counts; valid as long as `event`.
  const v1::Window* Hear(const v1::TrainerEvent& event, double now, Actions* actions);
  /// A line that is none: ends the attempt FAILED.
  void HearNonsense(const std::string& reason, double now, Actions* actions);

  /// Ends the child with this outcome: SIGTERM, later SIGKILL. The first end that was decided on stands.
  void Stop(v1::Outcome outcome, const std::string& reason, double now, Actions* actions);
  /// The same by SIGKILL at once. A child that outlives its SIGKILL is complained of in the log, ever more rarely.
  void Abort(v1::Outcome outcome, const std::string& reason, double now, Actions* actions);

  /// The child is gone, or (SpawnFailed) never was: the attempt's end without ids and sequence.
  v1::AttemptFinished Exited(const ChildExited& exit, double now) const;
  v1::AttemptFinished NeverRan(v1::Outcome outcome, const std::string& reason) const;

  /// Does what is due.
  void Tick(double now, Actions* actions);
  /// When something is due; kNever when nothing is.
  double Deadline() const;

  /// The agent has decided how it ends, so what the trainer says no longer counts.
  bool end_decided() const { return decided_.has_value(); }
  /// How long it still takes at most, by its limits and without a thermal gate; 0 when it is over them.
  double SecondsLeft(double now) const;

 private:
  struct Decision {
    v1::Outcome outcome;
    std::string reason;
  };
  void CheckStarted(const v1::TrainerStarted& started, double now, Actions* actions);
  bool Decide(v1::Outcome outcome, const std::string& reason);
  void Terminate(double now, Actions* actions);
  void KillNow(double now, Actions* actions);
  void Complain(double now, Actions* actions);
  Decision Judge(const ChildExited& exit) const;

  const std::string attempt_id_;
  const v1::Cell cell_;
  const v1::Limits limits_;
  const double kill_after_;
  const double max_runtime_;
  double spawned_at_;
  double overrun_at_ = kNever;  // whoever fetches a script gives up by himself
  double leave_by_ = kNever;    // it has said "finished" and is to exit
  double kill_at_ = kNever;
  double complain_at_ = kNever;
  bool terminated_ = false;
  std::optional<double> killed_at_;
  std::optional<double> started_at_;
  std::uint32_t sequence_ = 0;
  double last_start_seconds_ = 0;
  std::optional<v1::TrainerFinished> finished_;
  std::optional<Decision> decided_;
};

}  // namespace rsg::agent
