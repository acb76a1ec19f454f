// When and how to reach the coordinator: enrol or attach, how long to wait after a failure, when to give up. Pure.
#pragma once
#include <optional>
#include <string>

#include "agent/protocol/backoff.hpp"
#include "agent/protocol/child_watch.hpp"
#include "agent/protocol/events.hpp"

namespace rsg::agent {

class Dialler {
 public:
  /// `enrolled`: the coordinator has accepted the credential before. `can_enrol`: a join line is at hand.
  Dialler(bool enrolled, bool can_enrol, Random random);

  /// Enrol comes before Dial.
  bool must_enrol() const { return must_enrol_; }
  void Enrolled() { must_enrol_ = false; }
  /// The coordinator welcomed us; says so in the log.
  void Welcomed(const v1::Welcome& welcome, double now, Actions* actions);

  /// Enrolling or the stream failed. Sets retry_at, at most `cap` seconds ahead, or asks to Exit for good.
  void Lost(const LinkLost& loss, double cap, double now, Actions* actions);

  /// When the next try is due.
  double retry_at() const { return retry_at_; }

 private:
  static constexpr int kMaxRefusals = 5;  // in a row; whoever refuses for good need not be asked for ever

  void LogSparsely(const LinkLost& loss, double now, Actions* actions);
  std::string Remedy(LinkLoss kind) const;
  void GiveUp(const LinkLost& loss, Actions* actions) const;

  Backoff backoff_;
  bool must_enrol_;
  const bool can_enrol_;
  bool enrolled_again_ = false;
  bool ever_welcomed_ = false;
  std::optional<double> welcomed_at_;  // of the session that stands
  std::optional<double> lost_at_;
  int refusals_ = 0;
  double retry_at_ = -kNever;
  double log_at_ = -kNever;
  double log_every_ = 0;
  bool told_untrusted_ = false;  // in this outage
};

}  // namespace rsg::agent
