// The wire to the coordinator: gRPC translated into the state machine's events and back, and nothing decided here.
// gRPC's own threads only put what happened into a bounded mailbox; all public functions belong to one thread, which
// waits on fd() in its poll() loop.
//
// Bounded: one message is read ahead, one write is in flight; the next read is asked for when Take has handed out the
// last one.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "agent/protocol/events.hpp"
#include "common/join.hpp"

namespace rsg::agent {

struct FleetLinkOptions {
  JoinLine coordinator;    ///< address and CA; `secret` is the agent's credential
  std::string join_token;  ///< for Enrol; empty when there is none
  std::string name;        ///< of the agent, for Enrol
};

class FleetLink {
 public:
  explicit FleetLink(FleetLinkOptions options);
  /// Cuts what is open.
  ~FleetLink();
  FleetLink(const FleetLink&) = delete;
  FleetLink& operator=(const FleetLink&) = delete;

  /// Readable when Take has something.
  int fd() const;
  /// What happened, in order. Never waits.
  std::vector<Event> Take();

  /// Calls Enroll; comes to Enrolled or LinkLost.
  void Enrol();
  /// Opens the stream; ends in LinkLost. Not while one is open.
  void Dial();
  /// Writes one message; comes to WriteDone unless the stream breaks. Not while another one is written.
  void Send(const v1::AgentMessage& message);
  /// Breaks the stream; comes to LinkLost.
  void Hangup();
  /// Ends the stream in good order, or cuts it after `seconds`.
  void Close(double seconds);

 private:
  struct Wire;
  class Stream;
  class Enrolment;
  void EndStream();
  std::unique_ptr<Wire> wire_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Enrolment> enrolment_;
  double look_seconds_;  // for which to look at a certificate that is not trusted
};

}  // namespace rsg::agent
