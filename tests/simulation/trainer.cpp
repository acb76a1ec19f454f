#include "trainer.hpp"

#include <csignal>
#include <utility>

#include "common/version.hpp"

namespace rsg::sim {

Trainer::Plan Trainer::Draw(Basis* basis, double trouble) {
  if (basis->random.Chance(trouble))
    return static_cast<Plan>(1 + basis->random.Below(static_cast<std::size_t>(Plan::kLong)));
  return Plan::kMeasure;
}

Trainer::Trainer(Basis* basis, Ledger* ledger, v1::Assign assign, double trouble, Report report)
    : basis_(basis),
      ledger_(ledger),
      assign_(std::move(assign)),
      report_(std::move(report)),
      plan_(Draw(basis, trouble)),
      windows_(static_cast<std::uint32_t>(1 + basis->random.Below(plan_ == Plan::kLong ? 60 : 10))),
      interval_(basis->random.Between(0.1, 2)),
      deaf_(basis->random.Chance(0.2)) {}

void Trainer::After(double delay, void (Trainer::*what)()) {
  basis_->time.After(delay, [self = shared_from_this(), what] {
    if (!self->gone_ && !self->over_) (self.get()->*what)();
  });
}

void Trainer::Start() {
  const bool slow = plan_ == Plan::kSlowSpawn;  // its script is fetched first
  After(slow ? basis_->random.Between(1, 40) : 0, &Trainer::Begin);
}

void Trainer::Begin() {
  if (plan_ == Plan::kNoSpawn || (plan_ == Plan::kSlowSpawn && basis_->random.Chance(0.3))) {
    over_ = true;
    const bool lost = basis_->random.Chance(0.5);
    return report_(agent::SpawnFailed{.attempt_id = assign_.attempt_id(),
                                      .reason = "cannot be started",
                                      .outcome = lost ? v1::OUTCOME_LOST : v1::OUTCOME_FAILED});
  }
  running_ = true;
  ledger_->Ran(assign_);
  report_(agent::Spawned{assign_.attempt_id()});
  After(basis_->random.Exponential(1), &Trainer::Started);
}

void Trainer::Started() {
  if (plan_ == Plan::kOutOfMemory && basis_->random.Chance(0.5)) {
    if (!told_) ledger_->RanOutOfMemory(assign_);
    return Exit(3, 0);
  }
  if (plan_ == Plan::kUnsupported) return basis_->random.Chance(0.5) ? Exit(4, 0) : EndWith(v1::OUTCOME_UNSUPPORTED);
  v1::TrainerEvent event;
  event.mutable_started()->set_protocol_version(kProtocolVersion);
  *event.mutable_started()->mutable_cell() = assign_.cell();
  Say(std::move(event));
  After(interval_, &Trainer::Go);
}

void Trainer::Go() {
  const bool amid = made_ * 2 >= windows_;
  if (made_ == windows_) return Finish();
  if (amid && plan_ == Plan::kHang) return;
  if (amid && plan_ == Plan::kCrash) return Exit(0, SIGSEGV);
  if (amid && plan_ == Plan::kFail) return basis_->random.Chance(0.5) ? Exit(1, 0) : EndWith(v1::OUTCOME_FAILED);
  if (amid && plan_ == Plan::kOutOfMemory) return EndWith(v1::OUTCOME_OUT_OF_MEMORY);
  if (amid && plan_ == Plan::kQuietEnd) return Exit(0, 0);
  if (amid && plan_ == Plan::kGarble) {
    report_(agent::TrainerGarbled{assign_.attempt_id(), "no JSON"});
  } else {
    SayWindow(made_ + (amid && plan_ == Plan::kSkipWindow ? 2 : 1));
  }
  After(interval_ * basis_->random.Between(0.5, 1.5), &Trainer::Go);
}

void Trainer::SayWindow(std::uint32_t sequence) {
  const std::uint32_t batch = assign_.cell().batch_size();
  v1::TrainerEvent event;
  v1::Window& window = *event.mutable_window();
  window.set_sequence(sequence);
  window.set_steps(static_cast<std::uint32_t>(1 + basis_->random.Below(100)));
  window.set_samples(window.steps() * batch);
  window.set_seconds(basis_->random.Between(0.1, 2));
  window.set_wall_seconds(window.seconds() * 1.01);
  window.set_start_seconds(sequence * 2.0);
  window.set_warm_up(sequence == 1);
  if (sequence == made_ + 1) {
    ++made_;
    ledger_->Made(assign_, window);
  }
  Say(std::move(event));
}

v1::Result Trainer::MakeResult() const {
  const std::uint32_t batch = assign_.cell().batch_size();
  v1::Result result;
  result.set_windows(std::max(1u, made_ - 1));
  result.set_steps(static_cast<std::uint32_t>(1 + basis_->random.Below(1000)));
  result.set_samples(result.steps() * batch);
  result.set_seconds(basis_->random.Between(1, 20));
  result.set_wall_seconds(result.seconds() * 1.01);
  result.set_throughput(result.samples() / result.seconds());
  result.set_stop_reason(v1::STOP_REASON_SECONDS);
  return result;
}

void Trainer::Finish() {
  v1::TrainerEvent event;
  event.mutable_finished()->set_outcome(v1::OUTCOME_COMPLETED);
  result_ = MakeResult();
  *event.mutable_finished()->mutable_result() = *result_;
  // What it has said stands; what becomes of its process does not matter any more.
  if (!told_) ledger_->Measured(assign_, *result_);
  Say(std::move(event));
  if (plan_ != Plan::kStuckAtEnd) After(basis_->random.Exponential(0.2), &Trainer::ExitWell);
}

void Trainer::EndWith(v1::Outcome outcome) {
  if (outcome == v1::OUTCOME_OUT_OF_MEMORY && !told_) ledger_->RanOutOfMemory(assign_);
  v1::TrainerEvent event;
  event.mutable_finished()->set_outcome(outcome);
  event.mutable_finished()->set_error("it says why");
  Say(std::move(event));
  After(basis_->random.Exponential(0.2), &Trainer::ExitWell);
}

void Trainer::ExitWell() { Exit(0, 0); }

void Trainer::Exit(int code, int signal) {
  over_ = true;
  report_(agent::ChildExited{
      .attempt_id = assign_.attempt_id(), .exit_code = code, .signal = signal, .log_tail = "its last words\n"});
}

void Trainer::Terminate() {
  if (over_ || gone_) return;
  told_ = true;
  if (!running_) {
    // As the agent's loop does while it waits for a script.
    over_ = true;
    return report_(agent::SpawnFailed{.attempt_id = assign_.attempt_id(),
                                      .reason = "stopped while its script was fetched",
                                      .outcome = v1::OUTCOME_LOST});
  }
  if (deaf_ || plan_ == Plan::kHang) return;
  const auto die = [self = shared_from_this()] {
    if (!self->gone_ && !self->over_) self->Exit(0, SIGTERM);
  };
  basis_->time.After(basis_->random.Exponential(0.3), die);
}

void Trainer::Kill() {
  if (over_ || gone_) return;
  if (!running_) return Terminate();
  told_ = true;
  const auto die = [self = shared_from_this()] {
    if (!self->gone_ && !self->over_) self->Exit(0, SIGKILL);
  };
  // A driver may hold it for a while.
  basis_->time.After(basis_->random.Chance(0.1) ? basis_->random.Between(1, 20) : 0.01, die);
}

void Trainer::Say(v1::TrainerEvent event) {
  report_(agent::TrainerSaid{.attempt_id = assign_.attempt_id(), .event = std::move(event)});
}

}  // namespace rsg::sim
