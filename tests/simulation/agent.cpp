#include "agent.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "agent/protocol/settings.hpp"
#include "agent/spool/starts.hpp"
#include "common/words.hpp"
#include "coordinator.hpp"
#include "text.hpp"

namespace rsg::sim {

AgentProcess::AgentProcess(Basis* basis, Ledger* ledger, const Weather* weather, Coordinator* coordinator, Box* box)
    : basis_(basis),
      ledger_(ledger),
      weather_(weather),
      coordinator_(coordinator),
      box_(box),
      instance_(basis->random.Hex(16)),
      born_(basis->random.Between(1, 1e5)),
      spool_disk_(box->disk.get(), &basis->random),
      spool_(&spool_disk_, box->segment_bytes),
      settings_(agent::DefaultSettings()) {
  agent::MachineConfig config;
  config.name = box->name;
  config.instance_id = instance_;
  config.boot_id = "boot";
  box->start = agent::NextStart(box->start, box->wall + basis->time.now());
  config.start = *box->start;
  ledger->Started({.instance = instance_, .credential = box->secret_sha256, .box = box->number, .start = *box->start});
  config.machine = box->machine;
  config.enrolled = box->enrolled;
  config.can_enrol = true;
  config.drain_limit_seconds = box->drain_limit;
  agent::SpoolLog::Found found = spool_.Open();
  for (const agent::Log& log : found.log) {
    if (log.level == LogLevel::kWarning) ledger->SpoolHurt(box->number);
    basis_->Tell("agent {}: \"{}\"", box->number, log.text);
  }
  for (const agent::KeptAttempt& kept : found.attempts)
    basis->Tell("agent {}: finds {} with {} windows in its spool", box->number, kept.assign.attempt_id(),
                kept.windows.size());
  for (const agent::KeptAttempt& kept : found.attempts) tokens_[kept.assign.attempt_id()] = kept.assign.lease_token();
  config.kept = std::move(found.attempts);
  machine_ = std::make_unique<agent::Machine>(std::move(config), [basis] { return basis->random.Uniform(); });
}

AgentProcess::~AgentProcess() {
  *alive_ = false;
  if (trainer_) trainer_->Vanish();
}

void AgentProcess::Run(std::function<void(int)> exited, std::function<void()> killed) {
  exited_ = std::move(exited);
  killed_ = std::move(killed);
  basis_->Tell("agent {}: starts, process {}, start {}", box_->number, instance_.substr(0, 6), *box_->start);
  DieIfOff();
  Feed(agent::Tick{});
}

void AgentProcess::Signal() {
  signalled_ = true;
  ledger_->StopAsked(instance_);
  Give(agent::StopAsked{.signal = 15});
}

void AgentProcess::Freeze(double seconds) {
  basis_->Tell("agent {}: frozen for {:.1f} s", box_->number, seconds);
  frozen_until_ = basis_->time.now() + seconds;
  basis_->time.At(frozen_until_, [this, alive = alive_] {
    if (*alive) Thaw();
  });
}

// All that has come meanwhile, in the order in which the loop looks.
void AgentProcess::Thaw() {
  if (over_ || basis_->time.now() < frozen_until_) return;
  basis_->Tell("agent {}: goes on", box_->number);
  feeding_ = true;
  for (std::deque<agent::Event>* from : {&from_trainer_, &from_wire_}) {
    for (const agent::Event& event : std::exchange(*from, {})) {
      Handle(event);
      HandleAnswers();
    }
  }
  feeding_ = false;
  Feed(agent::Tick{});
}

void AgentProcess::Die(bool noticed) {
  if (over_) return;
  basis_->Tell("agent {}: is killed{}", box_->number, noticed ? "" : ", with its machine");
  if (!noticed) ledger_->SpoolHurt(box_->number);
  box_->disk->PowerOn(noticed ? Disk::Crash::kProcess : Disk::Crash::kPower);
  over_ = true;
  *alive_ = false;
  ledger_->ProcessEnded(instance_);
  if (trainer_) trainer_->Vanish();
  if (stream_) stream_->AgentDies(noticed);
}

void AgentProcess::Give(agent::Event event) {
  if (over_) return;
  const bool from_trainer =
      std::holds_alternative<agent::TrainerSaid>(event) || std::holds_alternative<agent::TrainerGarbled>(event) ||
      std::holds_alternative<agent::ChildExited>(event) || std::holds_alternative<agent::SpawnFailed>(event) ||
      std::holds_alternative<agent::Spawned>(event);
  if (basis_->time.now() < frozen_until_) {
    (from_trainer ? from_trainer_ : from_wire_).push_back(std::move(event));
    return;
  }
  Feed(std::move(event));
}

// One round of the loop: an event, what follows from it, and a look at the time.
void AgentProcess::Feed(agent::Event event) {
  answers_.push_back(std::move(event));
  if (feeding_) return;
  feeding_ = true;
  HandleAnswers();
  Handle(agent::Tick{});
  HandleAnswers();
  feeding_ = false;
  PlanWake();
}

void AgentProcess::HandleAnswers() {
  while (!answers_.empty() && !over_) {
    const agent::Event next = std::move(answers_.front());
    answers_.pop_front();
    Handle(next);
  }
}

bool AgentProcess::Handle(const agent::Event& event) {
  if (over_) return false;
  if (basis_->tracing) {
    if (const std::string text = Describe(event); !text.empty()) basis_->Tell("agent {}: {}", box_->number, text);
  }
  if (const auto* received = std::get_if<agent::Received>(&event); received && received->message.has_welcome())
    settings_ = agent::Sanitize(received->message.welcome().settings());
  if (std::holds_alternative<agent::Enrolled>(event)) box_->enrolled = true;
  if (std::holds_alternative<agent::LinkLost>(event)) stream_.reset();
  if (std::holds_alternative<agent::ChildExited>(event) || std::holds_alternative<agent::SpawnFailed>(event))
    trainer_.reset();
  const agent::Actions actions = machine_->Handle(event, Monotonic());
  for (const agent::Action& action : actions) Do(action);
  return !actions.empty();
}

void AgentProcess::Do(const agent::Action& action) {
  if (over_) return;
  if (basis_->tracing) {
    if (const std::string text = Describe(action); !text.empty()) basis_->Tell("agent {}: {}", box_->number, text);
  }
  if (const auto* log = std::get_if<agent::Log>(&action)) {
    if (log->level == agent::Log::Level::kError) ledger_->Complained(box_->number, log->text);
    superseded_ = superseded_ || absl::StrContains(log->text, "another process uses this agent's credential");
  } else if (const auto* send = std::get_if<agent::Send>(&action)) {
    Send(send->message);
  } else if (const auto* keep = std::get_if<agent::Keep>(&action)) {
    KeepOnDisk(*keep);
  } else if (const auto* release = std::get_if<agent::Release>(&action)) {
    spool_.Release(*release);
    DieIfOff();
  } else if (const auto* spawn = std::get_if<agent::Spawn>(&action)) {
    if (trainer_) return basis_->Violate("agent {} starts a second trainer", box_->number);
    ledger_->Spawned(box_->number, instance_, spawn->assign);
    trainer_ = std::make_shared<Trainer>(basis_, ledger_, spawn->assign, basis_->calm ? 0 : box_->trouble,
                                         [this](agent::Event event) { Give(std::move(event)); });
    trainer_->Start();
  } else if (const auto* exit = std::get_if<agent::Exit>(&action)) {
    Exit(exit->code);
  } else if (std::holds_alternative<agent::Enrol>(action)) {
    Enrol();
  } else if (std::holds_alternative<agent::Dial>(action)) {
    Dial();
  } else if (std::holds_alternative<agent::Hangup>(action)) {
    if (stream_) stream_->Hangup();
  } else if (trainer_ && !std::holds_alternative<agent::Log>(action)) {
    // Keeps it while it answers.
    const std::shared_ptr<Trainer> trainer = trainer_;
    if (std::holds_alternative<agent::Kill>(action)) {
      trainer->Kill();
    } else {
      trainer->Terminate();
    }
  }
}

void AgentProcess::Enrol() {
  coordinator_->Enrol(*box_, [this, alive = alive_](const absl::Status& status) {
    if (!*alive) return;
    if (status.ok()) return Give(agent::Enrolled{});
    Give(agent::LinkLost{.kind = agent::Classify(status), .reason = std::string(status.message())});
  });
}

void AgentProcess::Dial() {
  const auto guarded = [this, alive = alive_](agent::Event event) {
    if (*alive) Give(std::move(event));
  };
  Stream::AgentEnd end;
  end.hear = [guarded](v1::CoordinatorMessage message) { guarded(agent::Received{std::move(message)}); };
  end.written = [guarded] { guarded(agent::WriteDone{}); };
  end.over = [guarded](const absl::Status& status) {
    const absl::Status why = status.ok() ? absl::UnavailableError("the coordinator ended the connection") : status;
    guarded(agent::LinkLost{.kind = agent::Classify(why), .reason = std::string(why.message())});
  };
  stream_ = coordinator_->Dial(*box_, *weather_, std::move(end));
}

void AgentProcess::Send(const v1::AgentMessage& message) {
  ledger_->Said(message, settings_);
  if (stream_) stream_->Send(message);
}

void AgentProcess::KeepOnDisk(const agent::Keep& keep) {
  spool_.set_max_bytes(machine_->max_spool_bytes());
  const absl::Status kept = spool_.Keep(keep);
  if (!kept.ok())
    basis_->Tell("agent {}: cannot keep what it has of {}: {}", box_->number, keep.attempt_id,
                 std::string(kept.message()));
  if (const auto* assign = std::get_if<v1::Assign>(&keep.record)) tokens_[keep.attempt_id] = assign->lease_token();
  const auto* end = std::get_if<v1::AttemptFinished>(&keep.record);
  ledger_->Kept(keep.attempt_id, tokens_[keep.attempt_id], kept.ok(), end != nullptr && end->has_result());
  DieIfOff();
}

// kill -9, or the end of its machine, in the middle of what it does with its disk.
void AgentProcess::DieIfOff() {
  if (over_ || !box_->disk->off()) return;
  Die(basis_->random.Chance(0.7));
  basis_->time.After(0, [killed = killed_] { killed(); });
}

void AgentProcess::Exit(int code) {
  basis_->Tell("agent {}: exits with {}", box_->number, code);
  over_ = true;
  ledger_->ProcessEnded(instance_);
  if (trainer_) trainer_->Vanish();
  if (stream_) stream_->Leave();
  basis_->time.After(0, [exited = exited_, code] { exited(code); });
}

void AgentProcess::PlanWake() {
  if (over_) return;
  const double due = machine_->Deadline();
  if (due == agent::kNever || due == wake_at_) return;
  wake_at_ = due;
  // poll() counts milliseconds, rounded up.
  const double delay = std::ceil(std::max(0.0, due - Monotonic()) * 1000) / 1000;
  basis_->time.After(delay, [this, due, alive = alive_] {
    if (*alive && wake_at_ == due) Wake();
  });
}

void AgentProcess::Wake() {
  wake_at_ = agent::kNever;
  if (over_ || basis_->time.now() < frozen_until_) return;
  feeding_ = true;
  const bool acted = Handle(agent::Tick{});
  HandleAnswers();
  feeding_ = false;
  if (over_) return;
  if (!acted && machine_->Deadline() <= Monotonic())
    basis_->Violate("agent {} would spin: a Tick is due and does nothing", box_->number);
  PlanWake();
}

}  // namespace rsg::sim
