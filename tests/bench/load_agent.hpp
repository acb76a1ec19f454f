// An agent for load: the real state machine on a real connection, and a trainer that is a script. Many of them share
// one thread. Not thread-safe.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "agent/connection/fleet_link.hpp"
#include "agent/protocol/machine.hpp"

namespace rsg::bench {

struct Script {
  std::uint32_t windows = 20;
  double pace_seconds = 0.1;  ///< between two windows
};

/// What all agents together have seen.
struct Tally {
  std::vector<double> ack_seconds;  ///< of each batch, from its handing to the wire to the ack that covers it
  std::uint64_t links_lost = 0;
  int welcomed = 0;  ///< agents that have attached once
  std::uint64_t attempts = 0;
  std::uint64_t stopped = 0;  ///< children that were told to end
  std::map<std::string, int> warnings;
};

class LoadAgent {
 public:
  /// `number` tells it apart: its name, machine and device. `tally` must outlive it.
  LoadAgent(const JoinLine& join, int number, const Script& script, Tally* tally);

  int fd() const { return link_.fd(); }
  /// Does what has happened and what is due.
  void Turn();
  bool gone() const { return gone_; }

 private:
  struct Child {
    std::string attempt_id;
    v1::Cell cell;
    std::uint32_t said = 0;
    double next_at = 0;
  };
  struct Unacked {
    std::string attempt_id;
    std::uint32_t last;
    double sent_at;
  };

  void Feed(agent::Event event);
  void Do(const agent::Action& action);
  void Note(const agent::Event& event, double now);
  void Play(double now);
  void End(int exit_code, int signal);

  const Script script_;
  Tally* const tally_;
  std::mt19937_64 random_;
  agent::FleetLink link_;
  agent::Machine machine_;
  std::unique_ptr<Child> child_;
  std::deque<agent::Event> answers_;
  std::deque<Unacked> unacked_;
  bool welcomed_ = false;
  bool gone_ = false;
};

}  // namespace rsg::bench
