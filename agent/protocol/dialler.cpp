#include "agent/protocol/dialler.hpp"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/duration.hpp"

namespace rsg::agent {
namespace {

constexpr double kFirstLogPause = 15;
constexpr double kLongestLogPause = 3600;

}  // namespace

Dialler::Dialler(bool enrolled, bool can_enrol, Random random)
    : backoff_(std::move(random)), must_enrol_(!enrolled), can_enrol_(can_enrol) {}

void Dialler::Welcomed(const v1::Welcome& welcome, double now, Actions* actions) {
  std::string text =
      absl::StrCat("attached to the coordinator (version ", welcome.coordinator_version(), ") as ", welcome.agent_id());
  if (lost_at_) absl::StrAppend(&text, ", after ", FormatDuration(now - *lost_at_), " without it");
  actions->emplace_back(Log{Log::Level::kInfo, text, {.agent_id = welcome.agent_id()}});
  ever_welcomed_ = true;
  // It knew us, so if it does not the next time it has forgotten us: restored from a backup, once more.
  enrolled_again_ = false;
  welcomed_at_ = now;
  lost_at_.reset();
  log_at_ = -kNever;
  log_every_ = 0;
  told_untrusted_ = false;
}

void Dialler::Lost(const LinkLost& loss, double cap, double now, Actions* actions) {
  // A session that lived proves that all is well; one that breaks as soon as it stands must not be dialled in a loop.
  if (welcomed_at_ && now - *welcomed_at_ >= cap) {
    backoff_.Reset();
    refusals_ = 0;
    enrolled_again_ = false;
  }
  welcomed_at_.reset();
  if (!lost_at_) lost_at_ = now;
  retry_at_ = now + backoff_.Next(cap);

  switch (loss.kind) {
    case LinkLoss::kSuperseded:
    case LinkLoss::kMismatch:
      return GiveUp(loss, actions);
    case LinkLoss::kUnreachable:
      return LogSparsely(loss, now, actions);
    case LinkLoss::kUntrusted:
      // Once attached, somebody else at that address is an outage like any other, for example a captive portal.
      if (ever_welcomed_) return LogSparsely(loss, now, actions);
      break;
    case LinkLoss::kRefused:
      if (must_enrol_ || !can_enrol_ || enrolled_again_) break;
      enrolled_again_ = true;
      must_enrol_ = true;
      actions->push_back(Log{Log::Level::kWarning, absl::StrCat("the coordinator refuses this agent's credential (",
                                                                loss.reason, "); enrolling again by the join line")});
      return;
    case LinkLoss::kMalformed:
      break;
  }
  if (++refusals_ >= kMaxRefusals) return GiveUp(loss, actions);
  actions->emplace_back(
      Log{Log::Level::kWarning, absl::StrCat(loss.reason, "; try ", refusals_, " of ", kMaxRefusals)});
}

void Dialler::LogSparsely(const LinkLost& loss, double now, Actions* actions) {
  // An outage that turns into something a person has to mend is news.
  const bool news = loss.kind == LinkLoss::kUntrusted && !told_untrusted_;
  if (now < log_at_ && !news) return;
  told_untrusted_ = told_untrusted_ || news;
  log_every_ = log_every_ == 0 ? kFirstLogPause : std::min(2 * log_every_, kLongestLogPause);
  log_at_ = now + log_every_;
  actions->emplace_back(Log{Log::Level::kWarning, absl::StrCat(loss.reason, "; will keep trying")});
}

std::string Dialler::Remedy(LinkLoss kind) const {
  switch (kind) {
    case LinkLoss::kSuperseded:
      return "another process uses this agent's credential: give every agent a --state folder of its own and never "
             "copy one";
    case LinkLoss::kMismatch:
      return "install agent and coordinator of one version";
    case LinkLoss::kMalformed:
      return "install agent and coordinator of one version";
    case LinkLoss::kRefused:
      return can_enrol_ ? "make a new join line with 'rsg agents token' and start the agent with it"
                        : "make a join line with 'rsg agents token' and set RSG_JOIN to it";
    case LinkLoss::kUntrusted:  // its reason names the remedy
    case LinkLoss::kUnreachable:
      break;
  }
  return "";
}

void Dialler::GiveUp(const LinkLost& loss, Actions* actions) const {
  const std::string remedy = Remedy(loss.kind);
  actions->emplace_back(Log{Log::Level::kError, absl::StrCat(loss.reason, remedy.empty() ? "" : "; ", remedy)});
  // Whoever answers at that address may be another one after a while; all else stays as it is.
  actions->emplace_back(Exit{loss.kind == LinkLoss::kUntrusted ? 1 : kExitRefused});
}

}  // namespace rsg::agent
