#include "operator.hpp"

#include <utility>

#include "coordinator/store/reader.hpp"

namespace rsg::sim {

void Operator::MakeToken(std::function<void(const std::string& secret)> made) {
  auto secret = std::make_shared<std::string>();
  coordinator_->Post(
      [secret](schedule::Coordinator& coordinator, const schedule::Now& now, schedule::Effects& effects) {
        v1::CreateTokenRequest request;
        request.set_valid_seconds(1e8);  // longer than any jump of the clock
        const auto token = coordinator.CreateToken(request, now, effects);
        if (token.ok()) *secret = token->secret;
      },
      [this, secret, made](const absl::Status& status) {
        if (status.ok()) return made(*secret);
        Again([this, made] { MakeToken(made); });
      });
}

void Operator::Submit(const v1::SweepSpec& spec) {
  v1::SubmitSweepRequest request;
  request.set_request_id(basis_->random.Hex(8));
  *request.mutable_spec() = spec;
  ++waiting_;
  SubmitAs(request);
}

void Operator::SubmitAs(const v1::SubmitSweepRequest& request) {
  // A request that was carried out, and whose answer was lost, may have ended meanwhile.
  if (coordinator_->up())
    if (const auto stored = audit_->FindRequest(request.request_id())) return Submitted(request.request_id(), *stored);
  auto reply = std::make_shared<absl::StatusOr<v1::SubmitSweepResponse>>(absl::UnknownError(""));
  auto answered = std::make_shared<bool>(false);
  coordinator_->Post([request, reply](auto& coordinator, const auto& now,
                                      auto& effects) { *reply = coordinator.SubmitSweep(request, now, effects); },
                     [this, request, reply, answered](const absl::Status& status) {
                       if (std::exchange(*answered, true)) return;
                       const bool lost = !basis_->calm && basis_->random.Chance(0.2);
                       if (!status.ok() || lost) return Again([this, request] { SubmitAs(request); });
                       if (!reply->ok()) {
                         --waiting_;
                         return basis_->Tell("operator: a sweep is refused: {}",
                                             std::string(reply->status().message()));
                       }
                       Submitted(request.request_id(), *schedule::ParseSweepId((*reply)->sweep_id()));
                     });
  // Without an answer, for the coordinator died of it.
  basis_->time.After(20, [this, request, answered] {
    if (!std::exchange(*answered, true)) SubmitAs(request);
  });
}

void Operator::Submitted(const std::string& request, std::int64_t sweep) {
  --waiting_;
  basis_->Tell("operator: has sweep s{}", sweep);
  ledger_->Submitted(request, schedule::SweepId(sweep));
  sweeps_.push_back(sweep);
  coordinator_->Watch(sweep);
}

void Operator::Cancel(std::int64_t sweep) {
  basis_->Tell("operator: cancels s{}", sweep);
  ledger_->CancelAsked(schedule::SweepId(sweep));
  coordinator_->Post([sweep](auto& coordinator, const auto& now,
                             auto& effects) { (void)coordinator.CancelSweep(sweep, now, effects); },
                     [this, sweep](const absl::Status& status) {
                       if (!status.ok()) Again([this, sweep] { Cancel(sweep); });
                     });
}

void Operator::Retry(std::int64_t sweep) {
  basis_->Tell("operator: retries s{}", sweep);
  ledger_->RetryAsked(schedule::SweepId(sweep));
  auto live = std::make_shared<bool>(false);
  coordinator_->Post(
      [sweep, live](auto& coordinator, const auto& now, auto& effects) {
        *live = coordinator.RetrySweep(sweep, std::nullopt, now, effects).ok();
      },
      [this, sweep, live](const absl::Status& status) {
        if (status.ok() && !*live) RetryEnded(sweep);
      });
}

void Operator::RetryEnded(std::int64_t sweep) {
  if (!coordinator_->up()) return;
  auto ended = std::make_shared<schedule::Coordinator::Ended>();
  const std::uint64_t life = coordinator_->life();
  {
    const auto reader = store::Reader::Open(coordinator_->database());
    if (!reader.ok()) return;
    auto stored = (*reader)->FindSweep(sweep);
    if (!stored.ok()) return;
    *ended = {
        .sweep = std::move(stored->sweep), .jobs = std::move(stored->jobs), .controls = std::move(stored->controls)};
  }
  // Another retry may come in between.
  basis_->time.After(basis_->random.Exponential(1), [this, sweep, ended, life] {
    if (coordinator_->life() != life) return;  // the coordinator has read it itself
    coordinator_->Post(
        [sweep, ended](auto& coordinator, const auto& now, auto& effects) {
          (void)coordinator.RetrySweep(sweep, std::move(*ended), now, effects);
        },
        [this, sweep](const absl::Status& status) {
          if (status.ok()) coordinator_->Watch(sweep);
        });
  });
}

// What had ended after the backup ends again. Sweeps that were submitted after it are unknown, and all it is asked of
// them comes to nothing.
void Operator::PutBack() {
  for (const std::int64_t sweep : sweeps_)
    if (!ledger_->ended().contains(schedule::SweepId(sweep))) coordinator_->Watch(sweep);
}

void Operator::Drain(const std::string& agent) {
  basis_->Tell("operator: drains {}", agent);
  coordinator_->Post(
      [agent](auto& coordinator, const auto& now, auto& effects) {
        v1::DrainAgentRequest request;
        request.set_agent(agent);
        (void)coordinator.DrainAgent(request, now, effects);
      },
      [](const absl::Status&) {});
}

}  // namespace rsg::sim
