// Agents: enrolment, what is shown of them, what they may cause in the log.
#include <algorithm>

#include <fmt/format.h>

#include "common/secret.hpp"
#include "common/validate.hpp"
#include "coordinator/schedule/coordinator.hpp"
#include "coordinator/schedule/text.hpp"

namespace rsg::schedule {
namespace {

constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kIdDigits = 10;
constexpr std::size_t kMostName = 64;
// An agent that talks nonsense in a loop must not fill the log.
constexpr double kLogLinesPerSecond = 10;
constexpr double kLogLinesAtOnce = 100;
constexpr std::size_t kMostLogText = 1024;
constexpr int kMostLogLines = 64;
// The agent adds that it needs a new join line.
constexpr char kRevoked[] = "the operator has revoked this agent, which can join anew on an empty state folder only";

}  // namespace

absl::StatusOr<v1::EnrollResponse> Coordinator::Enroll(const v1::EnrollRequest& request, const Now& now,
                                                       Effects& effects) {
  Advance(now);
  const std::string& hash = request.credential_sha256();
  if (!IsHex(hash, kHashDigits))
    return absl::InvalidArgumentError(
        "credential_sha256: not 64 lower-case hex digits; send the SHA-256 of the secret");
  if (request.name().size() > kMostName)
    return absl::InvalidArgumentError(fmt::format("name: longer than {} bytes; shorten RSG_NAME", kMostName));
  v1::EnrollResponse response;
  if (const auto known = by_credential_.find(hash); known != by_credential_.end()) {
    if (known->second->record.revoked) {
      ++rejected_["enrolment"];
      return absl::PermissionDeniedError(kRevoked);
    }
    response.set_agent_id(known->second->record.agent_id);
    return response;
  }
  const std::string agent_id = "a-" + hash.substr(0, kIdDigits);
  if (agents_.contains(agent_id))
    return absl::InvalidArgumentError("credential_sha256: another agent has the same id; make a new secret");
  auto token = tokens_.Spend(request.join_token(), now.unix);
  if (!token.ok()) {
    ++rejected_["enrolment"];
    return token.status();
  }
  auto agent = std::make_unique<Agent>();
  agent->record.agent_id = agent_id;
  agent->record.name = OneLine(request.name().empty() ? agent_id : request.name(), kMostName);
  agent->record.credential_sha256 = hash;
  agent->record.token_id = token->token_id;
  agent->record.enrolled_unix = now.unix;
  agent->heard = active_;
  effects.changes.push_back(PutToken{*std::move(token)});
  PutAgentChange(*agent, now, effects);
  Log(*agent, LogEntry::Level::kInfo, "enrolled with token " + agent->record.token_id, effects);
  by_credential_[hash] = agent.get();
  agents_[agent_id] = std::move(agent);
  response.set_agent_id(agent_id);
  return response;
}

v1::AgentState Coordinator::StateOf(const Agent& agent) const {
  if (agent.record.revoked) return v1::AGENT_STATE_REVOKED;
  const bool silent = active_ - agent.heard >= settings_.lost_after_seconds;
  if (agent.session == 0) return silent && !agent.left ? v1::AGENT_STATE_LOST : v1::AGENT_STATE_DETACHED;
  if (silent) return v1::AGENT_STATE_LOST;
  if (agent.record.draining) return v1::AGENT_STATE_DRAINING;
  return !agent.attempts.empty() || agent.stopping ? v1::AGENT_STATE_BUSY : v1::AGENT_STATE_IDLE;
}

void Coordinator::PutAgentChange(Agent& agent, const Now& now, Effects& effects) {
  agent.record.last_seen_unix = now.unix;
  effects.changes.push_back(PutAgent{agent.record});
}

v1::ListAgentsResponse Coordinator::ListAgents(const Now& now) const {
  v1::ListAgentsResponse response;
  for (const auto& [id, agent] : agents_) {
    v1::Agent& shown = *response.add_agents();
    shown.set_agent_id(id);
    shown.set_name(agent->record.name);
    shown.set_state(StateOf(*agent));
    *shown.mutable_machine() = agent->record.machine;
    shown.set_agent_version(agent->record.agent_version);
    // What is stored is written at the ends of sessions only; in between, silence is counted.
    shown.set_last_seen_unix_seconds(agent->session != 0 ? now.unix - (active_ - agent->heard)
                                                         : agent->record.last_seen_unix);
    shown.set_spooled_windows(agent->spooled);
    if (agent->attempts.empty()) continue;
    shown.set_attempt_id(Id(agent->attempts.front()));
    shown.set_attempts_ahead(static_cast<std::uint32_t>(agent->attempts.size() - 1));
  }
  return response;
}

absl::StatusOr<v1::DrainAgentResponse> Coordinator::DrainAgent(const v1::DrainAgentRequest& request, const Now& now,
                                                               Effects& effects) {
  Advance(now);
  if (request.agent().empty()) return absl::InvalidArgumentError("agent: empty; give a name or an id");
  v1::DrainAgentResponse response;
  for (auto& [id, agent] : agents_) {
    if (id != request.agent() && agent->record.name != request.agent()) continue;
    response.add_agent_ids(id);
    agent->record.draining = true;
    PutAgentChange(*agent, now, effects);
    if (agent->session == 0) {
      response.add_away_ids(id);
      continue;
    }
    Send send;
    send.session = agent->session;
    send.message.mutable_drain()->set_reason("the operator drains this agent");
    effects.outgoing.emplace_back(std::move(send));
  }
  if (response.agent_ids().empty())
    return absl::NotFoundError(
        fmt::format("agent: '{}' is unknown; 'rsg agents list' shows all", OneLine(request.agent(), kMostName)));
  return response;
}

absl::StatusOr<v1::RevokeAgentResponse> Coordinator::RevokeAgent(const v1::RevokeAgentRequest& request, const Now& now,
                                                                 Effects& effects) {
  Advance(now);
  if (request.agent().empty()) return absl::InvalidArgumentError("agent: empty; give a name or an id");
  v1::RevokeAgentResponse response;
  std::set<std::string> tokens;
  for (auto& [id, agent] : agents_) {
    if (id != request.agent() && agent->record.name != request.agent()) continue;
    response.add_agent_ids(id);
    if (tokens_.IsGood(agent->record.token_id, now.unix)) tokens.insert(agent->record.token_id);
    if (!agent->record.revoked) ShutOut(*agent, now, effects);
  }
  if (response.agent_ids().empty())
    return absl::NotFoundError(
        fmt::format("agent: '{}' is unknown; 'rsg agents list' shows all", OneLine(request.agent(), kMostName)));
  response.mutable_token_ids()->Assign(tokens.begin(), tokens.end());
  Settle(now, effects);
  return response;
}

void Coordinator::ShutOut(Agent& agent, const Now& now, Effects& effects) {
  agent.record.revoked = true;
  Log(agent, LogEntry::Level::kInfo, "is revoked by the operator", effects);
  const std::string why = "the operator revoked the agent";
  const std::vector<AttemptKey> attempts = agent.attempts;
  for (const AttemptKey& key : attempts) {
    const bool waits = key != attempts.front() && !attempts_.at(key).running;
    CancelAttempt(attempts_.at(key), {.outcome = v1::OUTCOME_LOST, .error = why, .free = waits}, why, now, effects);
  }
  for (const SessionId session : {agent.opened, agent.session})
    if (session != 0) CloseSession(session, Revoked(), now, effects);
  // Whoever announces the devices next has them.
  for (const std::string& device : std::exchange(agent.devices, {})) devices_.Release(device, &agent, active_);
  agent.contested.clear();
  with_contest_.erase(agent.record.agent_id);
  PutAgentChange(agent, now, effects);
}

absl::Status Coordinator::Revoked() { return absl::UnauthenticatedError(kRevoked); }

void Coordinator::OnLogLines(Agent& agent, const v1::LogLines& lines, Effects& effects) {
  for (int i = 0; i < std::min(lines.lines_size(), kMostLogLines); ++i)
    Log(agent, LogEntry::Level::kInfo, "says: " + lines.lines(i), effects);
  if (lines.dropped() > 0)
    Log(agent, LogEntry::Level::kInfo, fmt::format("dropped {} lines of its log", lines.dropped()), effects);
}

void Coordinator::Log(Agent& agent, LogEntry::Level level, std::string text, Effects& effects, LogFields fields) {
  agent.log_allowance =
      std::min(kLogLinesAtOnce, agent.log_allowance + (active_ - agent.log_counted) * kLogLinesPerSecond);
  agent.log_counted = active_;
  if (agent.log_allowance < 1) {
    ++rejected_["log"];
    return;
  }
  agent.log_allowance -= 1;
  effects.log.push_back(LineAbout(agent, level, text, std::move(fields)));
}

LogEntry Coordinator::LineAbout(const Agent& agent, LogEntry::Level level, std::string_view text, LogFields fields) {
  fields.agent_id = agent.record.agent_id;
  return {.level = level,
          .text =
              fmt::format("agent {} ({}) {}", agent.record.name, agent.record.agent_id, OneLine(text, kMostLogText)),
          .fields = std::move(fields)};
}

void Coordinator::Reject(Agent& agent, const char* reason, std::string text, Effects& effects, LogFields fields) {
  ++rejected_[reason];
  Log(agent, LogEntry::Level::kWarning, std::move(text), effects, std::move(fields));
}

}  // namespace rsg::schedule
