// What the coordinator is to learn of one attempt: that it started, its windows, how it ended; again after every
// reconnect until it is acknowledged. Pure.
#pragma once
#include <optional>
#include <string>

#include "agent/protocol/child_watch.hpp"
#include "agent/protocol/spool.hpp"
#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

class Delivery {
 public:
  /// For an attempt that was assigned in the session that stands.
  Delivery(const v1::Assign& assign, std::string device_name, const v1::Settings& settings);

  /// For an attempt that an earlier process has finished. No session stands.
  Delivery(KeptAttempt kept, const v1::Settings& settings);

  // From the child.

  void Started() { started_ = true; }
  /// False when the spool is full; the window is not kept then.
  bool Add(const v1::Window& window, double now);
  /// How the attempt ended; ids and the final sequence are filled in here.
  void Finish(v1::AttemptFinished end) { finish_ = std::move(end); }
  /// Windows that are not yet stored are of no use any more; the attempt does not end COMPLETED.
  void Discard() { spool_.Discard(); }

  // From the wire.

  void ApplySettings(const v1::Settings& settings);
  /// The session is gone: nothing counts as sent that was not acknowledged.
  void Detach();
  enum class AckResult {
    kTaken,
    kUnknown,  ///< there never were that many windows; nothing changed
    kLost,     ///< what the coordinator has does not go together with what is here; the attempt cannot be completed
  };
  /// The first one of a session tells where to go on.
  AckResult Ack(std::uint32_t sequence, double now);
  /// The coordinator wants no windows of this attempt, only its end.
  void Fence();
  bool fenced() const { return fenced_; }

  /// The next message for a wire that is free, or nothing. `elsewhere`: windows in flight of other attempts, which
  /// share the one limit.
  std::optional<v1::AgentMessage> Next(double now, std::uint32_t elsewhere);
  /// When Next has something although nothing else happens; kNever when it waits for an event.
  double Deadline(std::uint32_t elsewhere) const;
  std::uint32_t in_flight() const { return spool_.in_flight(); }

  v1::AttemptInHand InHand() const;
  bool finished() const { return finish_.has_value(); }
  /// An earlier process has finished it.
  bool restored() const { return restored_; }
  /// Number of the last window that was kept; 0: none.
  std::uint32_t last_sequence() const { return spool_.last(); }
  std::uint32_t acked_sequence() const { return spool_.acked(); }
  /// Windows that wait for the coordinator to have them.
  std::uint32_t held() const { return spool_.held(); }
  /// All windows are stored (or not wanted), so the end is all that is left to tell.
  bool all_stored() const { return spool_.delivered(); }
  bool resumed() const { return resumed_; }
  const v1::AttemptFinished* end() const { return finish_ ? &*finish_ : nullptr; }
  /// So often the end was told in this session.
  std::uint32_t ends_told() const { return ends_told_; }
  v1::AttemptStarted StartedRecord() const;

 private:
  bool WindowsDue(double now, std::uint32_t elsewhere) const;
  std::uint32_t Room(std::uint32_t elsewhere) const;
  v1::AgentMessage FinishedMessage() const;

  const std::string attempt_id_;
  const std::string lease_token_;
  const std::string device_name_;
  const bool restored_ = false;
  v1::Settings settings_;
  double patience_ = 0;  // without an answer for so long, say it again
  Spool spool_;
  bool started_ = false;
  std::optional<v1::AttemptFinished> finish_;
  bool fenced_ = false;
  // Of the session.
  bool resumed_ = true;
  bool started_sent_ = false;
  std::uint32_t ends_told_ = 0;
  double flush_at_ = kNever;          // of the oldest window that is not sent
  double windows_again_at_ = kNever;  // without an Ack until then
  double finish_again_at_ = -kNever;  // the end may be told from then on
};

}  // namespace rsg::agent
