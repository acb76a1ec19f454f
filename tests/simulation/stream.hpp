// One stream between an agent and the coordinator, with what lies between them: messages take their time, stand still
// while the network does, and are lost with the stream; each side learns of its end in its own time. In order within a
// stream, as TCP has it; two streams know nothing of each other: one that a process has given up may arrive after its
// next, or after that of the next process.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "basis.hpp"
#include "rsg/v1/fleet.pb.h"

namespace rsg::sim {

/// The network before one agent.
struct Weather {
  double latency = 0.05;    ///< mean, seconds
  double notice = 2;        ///< mean time until a side learns of a broken stream; at times half a minute
  double stands_until = 0;  ///< nothing passes, nothing breaks
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  /// Those at an end; nothing is called when they are gone.
  struct AgentEnd {
    std::function<void(v1::CoordinatorMessage)> hear;
    std::function<void()> written;                  ///< the last Send is out of its hands
    std::function<void(const absl::Status&)> over;  ///< the last call
  };
  struct CoordinatorEnd {
    std::function<void()> opened;  ///< the first call
    std::function<void(v1::AgentMessage)> hear;
    std::function<void(bool in_good_order)> over;  ///< the last call
  };

  Stream(Basis* basis, const Weather* weather, AgentEnd agent, CoordinatorEnd coordinator);
  /// Sets out for the coordinator.
  void Dial();

  // The agent's side.

  void Send(v1::AgentMessage message);
  /// Puts a message among the agent's that it did not send.
  void Inject(v1::AgentMessage message);
  void Hangup();
  /// Ends in good order, after what was sent.
  void Leave();
  /// The process is gone; `noticed`: its system says so to the other side.
  void AgentDies(bool noticed);

  // The coordinator's side. One message is heard after each ReadNext.

  void ReadNext();
  void Answer(v1::CoordinatorMessage message);
  /// After what was answered.
  void Close(const absl::Status& reason);
  void Cut();
  void CoordinatorDies(bool noticed);

  // The network's.

  void Break();
  /// Stands still, or goes on.
  void Stall(bool stalled);

  /// Both ends are over.
  bool done() const { return !agent_.over && !coordinator_.over; }
  bool opened() const { return opened_; }
  /// Its agent has given it up before it opened, and it may arrive all the same.
  bool ghost() const { return ghost_; }
  bool closing() const { return closing_.has_value(); }
  std::size_t answers_under_way() const { return down_.size(); }

 private:
  template <typename Message>
  struct UnderWay {
    double due;
    Message message;
  };
  void Plan(double due);
  void Pump();
  void PumpUp();
  void PumpDown();
  void KeepPrefix();
  bool BecomeGhost();
  double Notice();
  void AgentIsOver(const absl::Status& reason);
  void CoordinatorIsOver(bool in_good_order);

  Basis* basis_;
  const Weather* weather_;
  AgentEnd agent_;
  CoordinatorEnd coordinator_;
  std::deque<UnderWay<v1::AgentMessage>> up_;
  std::deque<UnderWay<v1::CoordinatorMessage>> down_;
  double up_last_ = 0;
  double down_last_ = 0;
  double opens_at_ = 0;
  bool opened_ = false;
  bool ghost_ = false;  // given up by the agent, and still going to arrive
  bool reading_ = false;
  bool write_waits_ = false;  // for room
  bool stalled_ = false;
  bool broken_ = false;                 // nothing new passes
  std::optional<double> agent_learns_;  // that it is broken, when
  std::optional<double> coordinator_learns_;
  std::optional<double> left_;  // the agent has said its last word, which arrives then
  std::optional<absl::Status> closing_;
  double closes_at_ = 0;
};

}  // namespace rsg::sim
