// What has truly happened in a run, beside what the programs believe: what trainers made, what agents said, what the
// coordinator promised. Rules that hold at every step are checked here as things happen; audit.hpp compares the
// database with the rest.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "basis.hpp"
#include "rsg/v1/control.pb.h"
#include "rsg/v1/fleet.pb.h"

namespace rsg::sim {

/// One attempt as seen from outside.
struct Story {
  std::string token;
  std::size_t box = 0;                  ///< the agent that started it
  std::string instance;                 ///< the process that started it
  bool spawned = false;                 ///< the agent has tried to start its trainer
  bool ran = false;                     ///< and that was started
  v1::Assign assign;                    ///< as it was started
  std::vector<v1::Window> made;         ///< by its trainer
  bool measured = false;                ///< its trainer has said all and left, nobody having told it to
  std::optional<v1::Result> result;     ///< that it said
  bool out_of_memory = false;           ///< how its trainer ended, nobody having told it to
  bool answered = false;                ///< the coordinator has answered its end, in one way or the other
  std::set<v1::Outcome> said;           ///< ends that an agent has told the coordinator
  bool orphaned = false;                ///< its process ended before the end was acknowledged or kept
  bool kept = false;                    ///< its result is on the agent's disk, with all that belongs to it
  bool holes = false;                   ///< but something of it may not be
  std::uint32_t acked = 0;              ///< windows that the coordinator has acknowledged
  std::optional<v1::Outcome> accepted;  ///< end that the coordinator has acknowledged
  bool put_back = false;                ///< the coordinator's database was put back to before its end
};

/// A process of an agent.
struct Process {
  std::string instance;
  std::string credential;  ///< SHA-256
  std::size_t box = 0;
  std::uint32_t start = 0;  ///< the number that it says in Hello
};

/// What the coordinator had promised at some moment, and had stored.
struct Promises {
  struct OfAttempt {
    std::uint32_t acked = 0;
    std::optional<v1::Outcome> accepted;
  };
  std::map<std::string, OfAttempt> attempts;  ///< all that were stored
  std::set<std::string> enrolled;
  std::map<std::string, std::string> submitted;
  std::map<std::string, v1::SweepStatus> ended;
};

class Ledger {
 public:
  explicit Ledger(Basis* basis) : basis_(basis) {}

  // Agents and their trainers.

  void Spawned(std::size_t box, const std::string& instance, const v1::Assign& assign);
  void Ran(const v1::Assign& assign) { Of(assign.attempt_id(), assign.lease_token()).ran = true; }
  void Made(const v1::Assign& assign, const v1::Window& window);
  void Measured(const v1::Assign& assign, const v1::Result& result);
  void RanOutOfMemory(const v1::Assign& assign) { Of(assign.attempt_id(), assign.lease_token()).out_of_memory = true; }
  void Said(const v1::AgentMessage& message, const v1::Settings& settings);
  void Complained(std::size_t box, const std::string& text);  ///< an error in an agent's log
  void Started(const Process& process);
  /// A box has got a copy of the folder of one with that credential.
  void Copied(const std::string& credential_sha256, std::size_t box) { copies_[credential_sha256].insert(box); }
  void ProcessEnded(const std::string& instance);
  /// Something of the attempt was written to its agent's disk, or could not be; `result`: its end with a result.
  void Kept(const std::string& attempt, const std::string& token, bool well, bool result);
  /// What its disk has may be damaged, or be what it was earlier; and so what the disks of its copies have.
  void SpoolHurt(std::size_t box);
  void StopAsked(const std::string& instance) { stopped_.insert(instance); }

  // The coordinator: when it began to run, and when it heard an agent last. What has come counts from the end of the
  // round that handles it, for in the same round something else may come first.

  void CoordinatorStarted() {
    started_at_ = basis_->time.now();
    hearing_.clear();
  }
  void Heard(const std::string& credential_sha256) { hearing_.insert(credential_sha256); }
  void RoundOver();
  /// For how long this coordinator has not heard the agent, at most.
  double Silence(const std::string& credential_sha256) const;

  // The coordinator's promises, made when they leave it.

  void Promised(const v1::CoordinatorMessage& message);
  void Enrolled(const std::string& credential_sha256) { enrolled_.insert(credential_sha256); }
  void Submitted(const std::string& request, const std::string& sweep) { submitted_[request] = sweep; }
  void CancelAsked(const std::string& sweep) { cancel_asked_.insert(sweep); }
  void RetryAsked(const std::string& sweep) { retry_asked_.insert(sweep); }
  void Ended(const v1::SweepStatus& status) { ended_[status.sweep_id()] = status; }

  // Backups.

  /// `attempts`: that are stored now.
  Promises Remember(const std::set<std::string>& attempts) const;
  /// The coordinator's database is put back: only these promises stand. Numbers of attempts and sweeps may be given
  /// again.
  void PutBack(const Promises& promises);
  bool was_put_back() const { return put_back_ > 0; }
  int put_back() const { return put_back_; }  ///< so many times

  /// Whether another process with the same credential had a number as high as this one's, so that it is to end.
  bool Overtaken(const std::string& instance) const;
  /// Whether there were processes with this credential on copies of one folder.
  bool IsCopied(const std::string& credential_sha256) const;
  /// Likewise with that of this process. Which of them may fence the other's attempts? The later one; and after its
  /// start the coordinator does not know yet which that is.
  bool HasRivals(const std::string& instance) const;

  const std::map<std::string, Story>& stories() const { return stories_; }
  const std::set<std::string>& enrolled() const { return enrolled_; }
  const std::map<std::string, std::string>& submitted() const { return submitted_; }
  bool cancel_asked(const std::string& sweep) const { return cancel_asked_.contains(sweep); }
  bool retry_asked(const std::string& sweep) const { return retry_asked_.contains(sweep); }
  const std::map<std::string, v1::SweepStatus>& ended() const { return ended_; }
  bool WasStopped(const std::string& instance) const { return stopped_.contains(instance); }
  bool ProcessHasEnded(const std::string& instance) const { return ended_processes_.contains(instance); }

 private:
  void CheckPruned(const v1::Assign& assign, const std::string& instance);
  Story& Of(const std::string& attempt, const std::string& token);

  Basis* basis_;
  std::map<std::string, Story> stories_;  // by attempt
  // By attempt and token: that a database which was put back knows nothing of, though agents may.
  std::map<std::pair<std::string, std::string>, Story> forgotten_;
  int put_back_ = 0;
  std::map<std::string, Process> processes_;             // by instance
  std::map<std::string, std::set<std::size_t>> copies_;  // by credential: boxes
  std::set<std::string> enrolled_;
  std::map<std::string, std::string> submitted_;
  std::set<std::string> cancel_asked_;
  std::set<std::string> retry_asked_;
  std::map<std::string, v1::SweepStatus> ended_;
  std::set<std::string> ended_processes_;
  std::set<std::string> stopped_;  // processes that were told to end
  double started_at_ = 0;
  std::set<std::string> hearing_;
  std::map<std::string, double> heard_at_;
};

}  // namespace rsg::sim
