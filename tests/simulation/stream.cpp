#include "stream.hpp"

#include <algorithm>
#include <utility>

namespace rsg::sim {
namespace {

constexpr std::size_t kBuffered = 8;  // messages that are out of a writer's hands before they have arrived
constexpr double kLongestNotice = 40;

}  // namespace

Stream::Stream(Basis* basis, const Weather* weather, AgentEnd agent, CoordinatorEnd coordinator)
    : basis_(basis), weather_(weather), agent_(std::move(agent)), coordinator_(std::move(coordinator)) {}

void Stream::Plan(double due) {
  basis_->time.At(due, [self = shared_from_this()] { self->Pump(); });
}

void Stream::Dial() {
  opens_at_ = up_last_ = basis_->time.now() + basis_->random.Exponential(weather_->latency);
  Plan(opens_at_);
}

void Stream::Send(v1::AgentMessage message) {
  if (!agent_.over) return;
  const double now = basis_->time.now();
  if (broken_) {
    // Into the buffer of a connection that is dead already: it may not be known yet.
    if (basis_->random.Chance(0.7)) {
      basis_->time.After(0.001, [self = shared_from_this()] {
        if (self->agent_.written) self->agent_.written();
      });
    }
    return;
  }
  up_last_ = std::max(up_last_, now + basis_->random.Exponential(weather_->latency));
  up_.push_back({.due = up_last_, .message = std::move(message)});
  Plan(up_last_);
  write_waits_ = true;
  if (up_.size() > kBuffered) return;
  basis_->time.After(basis_->random.Exponential(0.002), [self = shared_from_this()] {
    if (std::exchange(self->write_waits_, false) && self->agent_.written) self->agent_.written();
  });
}

void Stream::Inject(v1::AgentMessage message) {
  if (!opened_ || broken_) return;
  up_last_ = std::max(up_last_, basis_->time.now());
  up_.push_back({.due = up_last_, .message = std::move(message)});
  Plan(up_last_);
}

void Stream::Answer(v1::CoordinatorMessage message) {
  if (!coordinator_.over || broken_ || closing_) return;
  down_last_ = std::max(down_last_, basis_->time.now() + basis_->random.Exponential(weather_->latency));
  down_.push_back({.due = down_last_, .message = std::move(message)});
  Plan(down_last_);
}

void Stream::ReadNext() {
  reading_ = true;
  // Not at once: who asks is in the middle of something.
  Plan(basis_->time.now());
}

// Of what is under way when a stream breaks, what has come far enough is still heard.
void Stream::KeepPrefix() {
  if (!up_.empty()) up_.resize(basis_->random.Below(up_.size() + 1));
  if (!down_.empty()) down_.resize(basis_->random.Below(down_.size() + 1));
}

double Stream::Notice() {
  Random& random = basis_->random;
  const double after = random.Chance(0.2) ? random.Between(20, kLongestNotice) : random.Exponential(weather_->notice);
  return basis_->time.now() + std::min(after, kLongestNotice);
}

void Stream::Break() {
  if (std::exchange(broken_, true)) return;
  KeepPrefix();
  if (!agent_learns_) agent_learns_ = Notice();
  if (!coordinator_learns_) coordinator_learns_ = Notice();
  Plan(*agent_learns_);
  Plan(*coordinator_learns_);
}

// Packets of a connection that is closed may still be on their way, or wait in a tunnel.
bool Stream::BecomeGhost() {
  if (opened_ || broken_ || up_.empty() || basis_->random.Chance(0.5)) return false;
  ghost_ = true;
  broken_ = true;
  opens_at_ = basis_->time.now() + basis_->random.Exponential(10);
  coordinator_learns_ = opens_at_ + basis_->random.Exponential(10);
  Plan(opens_at_);
  Plan(*coordinator_learns_);
  return true;
}

void Stream::Hangup() {
  if (BecomeGhost()) {
    agent_learns_ = basis_->time.now();
    return Plan(*agent_learns_);
  }
  agent_learns_ = basis_->time.now();
  if (!stalled_ && !coordinator_learns_)
    coordinator_learns_ = basis_->time.now() + basis_->random.Exponential(weather_->latency);
  Break();
  Plan(basis_->time.now());
}

void Stream::Leave() {
  agent_ = {};
  if (!opened_ && !BecomeGhost()) Break();
  if (broken_) return;
  left_ = up_last_;
  Plan(*left_);
}

void Stream::AgentDies(bool noticed) {
  agent_ = {};
  if (BecomeGhost()) return;
  if (noticed && !stalled_ && !coordinator_learns_)
    coordinator_learns_ = std::max(up_last_, basis_->time.now() + basis_->random.Exponential(weather_->latency));
  Break();
}

void Stream::CoordinatorDies(bool noticed) {
  coordinator_ = {};
  if (noticed && !stalled_ && !agent_learns_)
    agent_learns_ = std::max(down_last_, basis_->time.now() + basis_->random.Exponential(weather_->latency));
  Break();
}

void Stream::Close(const absl::Status& reason) {
  if (closing_ || !coordinator_.over) return;
  closing_ = reason;
  closes_at_ = std::max(down_last_, basis_->time.now() + basis_->random.Exponential(weather_->latency));
  Plan(closes_at_);
}

void Stream::Cut() {
  if (!coordinator_.over) return;
  coordinator_learns_ = basis_->time.now();
  Break();
  Plan(basis_->time.now());
}

void Stream::Stall(bool stalled) {
  if (std::exchange(stalled_, stalled) == stalled || stalled) return;
  Plan(basis_->time.now());
}

void Stream::Pump() {
  PumpUp();
  PumpDown();
}

void Stream::PumpUp() {
  const double now = basis_->time.now();
  if (!coordinator_.over) return;
  if (!opened_) {
    const bool arrives = ghost_ || (!broken_ && agent_.over);
    if (!arrives) {  // it broke before it got there
      coordinator_ = {};
      return;
    }
    if ((stalled_ && !ghost_) || now < opens_at_) return;
    opened_ = true;
    coordinator_.opened();
    return;
  }
  if (!reading_ && !(closing_ && now >= closes_at_)) return;
  const bool learnt = coordinator_learns_ && now >= *coordinator_learns_;
  const bool arrives = !up_.empty() && now >= up_.front().due && (!stalled_ || broken_);
  if (arrives && !learnt && reading_) {
    reading_ = false;
    v1::AgentMessage message = std::move(up_.front().message);
    up_.pop_front();
    if (up_.size() <= kBuffered && std::exchange(write_waits_, false) && agent_.written) agent_.written();
    coordinator_.hear(std::move(message));
    return;
  }
  if (learnt) return CoordinatorIsOver(false);
  if (closing_ && now >= closes_at_ && !stalled_) return CoordinatorIsOver(false);
  if (left_ && now >= *left_ && up_.empty() && !stalled_ && !broken_) CoordinatorIsOver(true);
}

void Stream::PumpDown() {
  const double now = basis_->time.now();
  while (agent_.over && !down_.empty() && now >= down_.front().due && (!stalled_ || broken_)) {
    const v1::CoordinatorMessage message = std::move(down_.front().message);
    down_.pop_front();
    agent_.hear(message);
  }
  if (!agent_.over) {
    down_.clear();
    return;
  }
  if (agent_learns_ && now >= *agent_learns_) return AgentIsOver(absl::UnavailableError("the connection broke"));
  if (closing_ && down_.empty() && now >= closes_at_ && !stalled_ && !broken_) AgentIsOver(*closing_);
}

void Stream::AgentIsOver(const absl::Status& reason) {
  const AgentEnd end = std::exchange(agent_, {});
  end.over(reason);
}

void Stream::CoordinatorIsOver(bool in_good_order) {
  up_.clear();
  const CoordinatorEnd end = std::exchange(coordinator_, {});
  end.over(in_good_order);
}

}  // namespace rsg::sim
