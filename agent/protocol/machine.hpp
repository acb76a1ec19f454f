// The agent's side of the protocol: events in, actions out. Pure: time and randomness come from outside, and the same
// events give the same actions. One child at a time; attempts whose child has exited stay in hand beside it until the
// coordinator has acknowledged their end. Attempts that were handed out ahead wait behind it, and run in the order in
// which they came whether or not the coordinator is there. Not thread-safe.
//
// Memory is bounded by the settings' max_spooled_windows. What it asks to Keep of an attempt lets the next process
// deliver a finished one; one that was not finished then ends with its child, and only the coordinator knows of it.
// Nothing is queued for the wire: whenever it is free, the machine looks at what it knows and says the most urgent
// thing.
#pragma once
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/protocol/child_watch.hpp"
#include "agent/protocol/delivery.hpp"
#include "agent/protocol/dialler.hpp"
#include "agent/protocol/events.hpp"

namespace rsg::agent {

struct MachineConfig {
  std::string name;
  std::string instance_id;  ///< 32 hex digits, random for each process
  std::string boot_id;
  std::uint32_t start = 0;  ///< greater than that of every earlier process on this state folder; 0: not known
  v1::MachineFacts machine;
  std::string cpu_info = {};  ///< as the next, for people: see Hello
  std::string gpu_info = {};
  bool enrolled = false;                ///< the coordinator has accepted the credential before
  bool can_enrol = false;               ///< a join line is at hand
  std::vector<KeptAttempt> kept = {};   ///< what earlier processes have finished and not delivered, oldest first
  double drain_limit_seconds = kNever;  ///< after this the attempt in hand is handed back unfinished
};

class Machine {
 public:
  Machine(MachineConfig config, Random random);

  /// Takes one event at `now` (seconds, monotonic, never less than before) and returns what is to be done, in order.
  /// The first call, with Tick, starts it. After Exit it does nothing more.
  Actions Handle(const Event& event, double now);

  /// When the next Tick is due; kNever when only an event can change anything.
  double Deadline() const;

  bool draining() const { return draining_; }
  /// What is kept of the windows in hand may have so many bytes on disk; one of them rarely has more than 500.
  std::uint64_t max_spool_bytes() const { return std::uint64_t{settings_.max_spooled_windows()} * 1024; }

 private:
  enum class Link { kIdle, kEnrolling, kDialling, kAttached, kHangingUp };

  struct InHand {
    v1::Assign assign;
    std::optional<ChildWatch> child;  // until it has exited
    Delivery delivery;
    bool out_of_memory = false;  // how its child ended, whatever becomes of that end
  };

  struct Refusal {
    v1::AttemptFinished message;
    bool sent = false;
  };

  // Events (machine.cpp).
  void On(const Enrolled&);
  void On(const LinkLost& loss);
  void On(const Received& received);
  void On(const WriteDone&);
  void On(const Spawned& spawned);
  void On(const SpawnFailed& failed);
  void On(const TrainerSaid& said);
  void On(const TrainerGarbled& garbled);
  void On(const ChildExited& exited);
  void On(const Tick&) {}
  void On(const StopAsked& asked);

  // What waits behind the child (machine_queue.cpp).
  static bool IsQueued(const InHand& hand) { return !hand.child && !hand.delivery.finished(); }
  void StartNext();
  const InHand* PrunerOf(const InHand& queued) const;
  void HandBack(InHand* queued, const std::string& reason);
  void HandBackQueue(const std::string& reason);
  void HandBackPrunedBy(const InHand& pruner);

  // What the coordinator says (machine_orders.cpp).
  void Obey(const v1::Welcome& welcome);
  void Obey(const v1::Assign& assign);
  void Obey(const v1::Ack& ack);
  void Obey(const v1::Cancel& cancel);
  void Obey(const v1::FinishedAck& ack);
  void Obey(const v1::Drain& drain);
  void Obey(const v1::Exit& exit);
  std::optional<std::string> Refuses(const v1::Assign& assign) const;
  void Refuse(const std::string& attempt_id, const std::string& lease_token, v1::Outcome outcome,
              const std::string& reason);
  bool WasInHand(const std::string& attempt_id, const std::string& lease_token) const;
  const v1::Device* FindDevice(const std::string& device_id) const;
  void Forget(const std::string& attempt_id);

  void Advance(bool tick);
  void Connect();
  void Hangup(const std::string& why);
  void Drain();
  bool StopWhenDue(bool tick);  // whether it has left
  void StopNow(int code, double patience, const std::string& reason);
  void Leave(int code);
  void EndRunning(v1::AttemptFinished end);
  void EndAsLost(InHand* hand, const std::string& reason);
  void EndWithout(InHand* hand, v1::Outcome outcome, const std::string& reason);
  void Finish(InHand* hand, v1::AttemptFinished end);
  InHand* Find(const std::string& attempt_id);
  InHand* Running();
  const InHand* Running() const;
  InHand* RunningAs(const std::string& attempt_id);
  std::uint32_t InFlightBeside(const InHand& hand) const;
  std::uint32_t HeldWindows() const;
  bool AllResumed() const;
  void Pump();
  std::optional<v1::AgentMessage> NextMessage();
  v1::AgentMessage HelloMessage() const;
  void Say(Log::Level level, std::string text, LogFields fields = {});

  MachineConfig config_;
  Dialler dialler_;
  v1::Settings settings_;

  Link link_ = Link::kIdle;
  std::uint32_t streams_ = 0;  // dialled so far
  bool writing_ = false;       // a Send is not answered yet
  double answer_by_ = kNever;  // Welcome, then Ack or Cancel of what is in hand
  double heartbeat_at_ = kNever;

  std::list<InHand> hands_;       // oldest first: what has ended, and in between the one with a child, then the queue
  bool spool_was_full_ = false;   // nothing more begins until the coordinator is heard
  std::deque<Refusal> refusals_;  // of this session
  std::deque<std::pair<std::string, std::string>> forgotten_;  // the last few attempts and their tokens
  // By attempt: answers of this session that are still to come of ends that were told more than once. A coordinator
  // that was restored from a backup may give the same number again meanwhile.
  std::map<std::string, std::uint32_t> late_answers_;

  bool draining_ = false;
  double drain_by_ = kNever;
  int stops_asked_ = 0;
  std::optional<int> stop_code_;  // leaves as soon as what is in hand is delivered, or at stop_by_
  double stop_by_ = kNever;

  double now_ = 0;
  Actions actions_;
  bool done_ = false;
};

}  // namespace rsg::agent
