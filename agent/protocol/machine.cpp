#include "agent/protocol/machine.hpp"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "agent/protocol/settings.hpp"
#include "agent/protocol/text.hpp"
#include "common/version.hpp"
#include "common/words.hpp"

namespace rsg::agent {
namespace {

constexpr double kWelcomeSeconds = 30;  // a peer that takes the call but says nothing

}  // namespace

Machine::Machine(MachineConfig config, Random random)
    : config_(std::move(config)),
      dialler_(config_.enrolled, config_.can_enrol, std::move(random)),
      settings_(DefaultSettings()) {
  for (KeptAttempt& kept : std::exchange(config_.kept, {})) {
    v1::Assign assign = kept.assign;
    const bool out_of_memory = kept.end.outcome() == v1::OUTCOME_OUT_OF_MEMORY;
    hands_.push_back(InHand{.assign = std::move(assign),
                            .child = std::nullopt,
                            .delivery = Delivery(std::move(kept), settings_),
                            .out_of_memory = out_of_memory});
  }
}

Actions Machine::Handle(const Event& event, double now) {
  if (done_) return {};
  now_ = now;
  std::visit([this](const auto& it) { On(it); }, event);
  if (!done_) Advance(std::holds_alternative<Tick>(event));
  return std::exchange(actions_, {});
}

double Machine::Deadline() const {
  if (done_) return kNever;
  double deadline = std::min(drain_by_, stop_by_);
  if (link_ == Link::kIdle) deadline = std::min(deadline, dialler_.retry_at());
  if (link_ == Link::kDialling || link_ == Link::kAttached) deadline = std::min(deadline, answer_by_);
  if (link_ == Link::kAttached && !writing_) {
    deadline = std::min(deadline, heartbeat_at_);
    for (const InHand& hand : hands_) deadline = std::min(deadline, hand.delivery.Deadline(InFlightBeside(hand)));
  }
  if (const InHand* running = Running()) deadline = std::min(deadline, running->child->Deadline());
  return deadline;
}

// Does what the last event has made due, and on a Tick what time has. Not earlier: an agent that was frozen past a
// deadline first hears what has happened meanwhile, or it would throw away a measurement that is finished.
void Machine::Advance(bool tick) {
  if (InHand* running = Running(); running != nullptr && tick) running->child->Tick(now_, &actions_);
  if (StopWhenDue(tick)) return;
  StartNext();
  if (link_ == Link::kIdle && now_ >= dialler_.retry_at()) Connect();
  if (tick && now_ >= answer_by_ && link_ == Link::kDialling) Hangup("no welcome came");
  if (tick && now_ >= answer_by_ && link_ == Link::kAttached) Hangup("no word on what is in hand came");
  Pump();
}

void Machine::Connect() {
  if (dialler_.must_enrol()) {
    link_ = Link::kEnrolling;
    actions_.emplace_back(Enrol{});
    return;
  }
  link_ = Link::kDialling;
  answer_by_ = now_ + kWelcomeSeconds;
  ++streams_;
  actions_.emplace_back(Dial{});
  actions_.emplace_back(Send{HelloMessage()});
  writing_ = true;
}

void Machine::Hangup(const std::string& why) {
  Say(Log::Level::kWarning, absl::StrCat("leaving the connection to the coordinator: ", why));
  link_ = Link::kHangingUp;
  answer_by_ = kNever;
  actions_.emplace_back(agent::Hangup{});
}

void Machine::On(const Enrolled&) {
  if (link_ != Link::kEnrolling) return;
  Say(Log::Level::kInfo, "enrolled");
  dialler_.Enrolled();
  Connect();
}

void Machine::On(const LinkLost& loss) {
  if (link_ == Link::kIdle) return;
  link_ = Link::kIdle;
  writing_ = false;
  answer_by_ = kNever;
  refusals_.clear();
  late_answers_.clear();
  for (InHand& hand : hands_) hand.delivery.Detach();
  dialler_.Lost(loss, settings_.reconnect_cap_seconds(), now_, &actions_);
  const bool gave_up = !actions_.empty() && std::holds_alternative<Exit>(actions_.back());
  if (!gave_up) return;
  const int code = std::get<Exit>(actions_.back()).code;
  actions_.pop_back();
  Leave(code);
}

void Machine::On(const WriteDone&) { writing_ = false; }

Machine::InHand* Machine::Find(const std::string& attempt_id) {
  const auto hand = std::find_if(hands_.begin(), hands_.end(),
                                 [&](const InHand& it) { return it.assign.attempt_id() == attempt_id; });
  return hand == hands_.end() ? nullptr : &*hand;
}

const Machine::InHand* Machine::Running() const {
  const auto running = std::find_if(hands_.begin(), hands_.end(), [](const InHand& it) { return it.child; });
  return running == hands_.end() ? nullptr : &*running;
}

Machine::InHand* Machine::Running() { return const_cast<InHand*>(std::as_const(*this).Running()); }

// What a child says counts only for the attempt that it belongs to.
Machine::InHand* Machine::RunningAs(const std::string& attempt_id) {
  InHand* running = Running();
  return running != nullptr && running->assign.attempt_id() == attempt_id ? running : nullptr;
}

std::uint32_t Machine::InFlightBeside(const InHand& hand) const {
  std::uint32_t count = 0;
  for (const InHand& other : hands_) count += &other == &hand ? 0 : other.delivery.in_flight();
  return count;
}

std::uint32_t Machine::HeldWindows() const {
  std::uint32_t count = 0;
  for (const InHand& hand : hands_) count += hand.delivery.held();
  return count;
}

bool Machine::AllResumed() const {
  return std::all_of(hands_.begin(), hands_.end(), [](const InHand& hand) { return hand.delivery.resumed(); });
}

void Machine::On(const Spawned& spawned) {
  InHand* running = RunningAs(spawned.attempt_id);
  if (running == nullptr) return;
  running->child->Spawned(now_);
  running->delivery.Started();
  actions_.emplace_back(Keep{spawned.attempt_id, running->delivery.StartedRecord()});
}

void Machine::On(const SpawnFailed& failed) {
  if (InHand* running = RunningAs(failed.attempt_id))
    EndRunning(running->child->NeverRan(failed.outcome, failed.reason));
}

void Machine::On(const TrainerSaid& said) {
  InHand* running = RunningAs(said.attempt_id);
  if (running == nullptr) return;
  const v1::Window* window = running->child->Hear(said.event, now_, &actions_);
  if (window == nullptr) return;
  const std::uint32_t last = running->delivery.last_sequence();
  if (HeldWindows() < settings_.max_spooled_windows() && running->delivery.Add(*window, now_)) {
    if (running->delivery.last_sequence() > last) actions_.emplace_back(Keep{said.attempt_id, *window});
    return;
  }
  running->delivery.Discard();
  spool_was_full_ = true;
  EndAsLost(running, absl::StrCat("the coordinator was away for too long: ", settings_.max_spooled_windows(),
                                  " windows wait for it, and no more are kept"));
}

void Machine::On(const TrainerGarbled& garbled) {
  if (InHand* running = RunningAs(garbled.attempt_id)) running->child->HearNonsense(garbled.reason, now_, &actions_);
}

void Machine::On(const ChildExited& exited) {
  if (InHand* running = RunningAs(exited.attempt_id)) EndRunning(running->child->Exited(exited, now_));
}

void Machine::EndRunning(v1::AttemptFinished end) {
  InHand& hand = *Running();
  const bool good = end.outcome() == v1::OUTCOME_COMPLETED;
  std::string text = absl::StrCat(hand.assign.attempt_id(), ": ", Word(end.outcome()));
  if (good) absl::StrAppend(&text, ", ", std::round(end.result().throughput() * 100) / 100, " samples/s");
  if (!good) absl::StrAppend(&text, ": ", end.error());
  Say(end.outcome() == v1::OUTCOME_FAILED ? Log::Level::kWarning : Log::Level::kInfo, std::move(text),
      FieldsOf(hand.assign.attempt_id()));
  hand.out_of_memory = end.outcome() == v1::OUTCOME_OUT_OF_MEMORY;
  Finish(&hand, std::move(end));
  hand.child.reset();
}

// Kept with the number of the last window that was made, for the next process has all of them that are kept.
void Machine::Finish(InHand* hand, v1::AttemptFinished end) {
  end.set_final_sequence(hand->delivery.last_sequence());
  actions_.emplace_back(Keep{hand->assign.attempt_id(), end});
  hand->delivery.Finish(std::move(end));
}

void Machine::EndAsLost(InHand* hand, const std::string& reason) {
  if (hand->child) {
    hand->child->Abort(v1::OUTCOME_LOST, reason, now_, &actions_);
  } else {
    EndWithout(hand, v1::OUTCOME_LOST, reason);
  }
}

// An end that no child had, in place of any that there was.
void Machine::EndWithout(InHand* hand, v1::Outcome outcome, const std::string& reason) {
  constexpr std::size_t kMaxReason = 4 << 10;
  v1::AttemptFinished end;
  end.set_outcome(outcome);
  end.set_error(OneLine(reason, kMaxReason));
  // Of what never began nothing is kept: the next process is to know nothing of it.
  if (IsQueued(*hand)) return hand->delivery.Finish(std::move(end));
  end.set_runtime_seconds(hand->delivery.end()->runtime_seconds());
  Finish(hand, std::move(end));
}

void Machine::Pump() {
  if (done_ || link_ != Link::kAttached || writing_) return;
  std::optional<v1::AgentMessage> message = NextMessage();
  if (!message) return;
  writing_ = true;
  actions_.emplace_back(Send{*std::move(message)});
}

std::optional<v1::AgentMessage> Machine::NextMessage() {
  v1::AgentMessage message;
  if (now_ >= heartbeat_at_) {
    heartbeat_at_ = now_ + settings_.heartbeat_seconds();
    message.mutable_heartbeat()->set_draining(draining_);
    message.mutable_heartbeat()->set_spooled_windows(HeldWindows());
    return message;
  }
  for (Refusal& refusal : refusals_) {
    if (refusal.sent) continue;
    refusal.sent = true;
    *message.mutable_attempt_finished() = refusal.message;
    return message;
  }
  for (InHand& hand : hands_) {
    if (auto next = hand.delivery.Next(now_, InFlightBeside(hand))) return next;
  }
  return std::nullopt;
}

v1::AgentMessage Machine::HelloMessage() const {
  v1::AgentMessage message;
  v1::Hello* hello = message.mutable_hello();
  hello->set_protocol_version(kProtocolVersion);
  hello->set_agent_version(kVersion);
  hello->set_name(config_.name);
  hello->set_instance_id(config_.instance_id);
  hello->set_boot_id(config_.boot_id);
  *hello->mutable_machine() = config_.machine;
  hello->set_cpu_info(config_.cpu_info);
  hello->set_gpu_info(config_.gpu_info);
  for (const InHand& hand : hands_) {
    v1::AttemptInHand* attempt = hello->add_attempts();
    *attempt = hand.delivery.InHand();
    attempt->set_queued(IsQueued(hand));
  }
  hello->set_draining(draining_);
  hello->set_stream(streams_);
  hello->set_start(config_.start);
  return message;
}

void Machine::Say(Log::Level level, std::string text, LogFields fields) {
  actions_.emplace_back(Log{level, std::move(text), std::move(fields)});
}

}  // namespace rsg::agent
