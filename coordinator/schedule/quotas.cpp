// What agents may say at most.
#include "coordinator/schedule/coordinator.hpp"

namespace rsg::schedule {
namespace {

constexpr double kSlowedEvery = 60;  // lines of the log about the same

}  // namespace

Quota& Coordinator::QuotaOf(Agent& agent) const {
  if (!agent.quota) agent.quota.emplace(settings_.max_spooled_windows);
  return *agent.quota;
}

double Coordinator::Charge(Agent& agent, const v1::AgentMessage& message, Effects& effects) {
  const auto windows = static_cast<std::size_t>(message.window_batch().windows_size());
  const double pause = QuotaOf(agent).OnMessage(message.ByteSizeLong(), windows, active_);
  if (pause <= 0) return 0;
  ++rejected_["slowed"];
  if (!agent.slowed || active_ - *agent.slowed >= kSlowedEvery) {
    agent.slowed = active_;
    Log(agent, LogEntry::Level::kWarning, "says more than its quota; it is read more slowly", effects);
  }
  return pause;
}

}  // namespace rsg::schedule
