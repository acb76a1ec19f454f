// Streams of agents: they open, say Hello, end.
#include <fmt/format.h>

#include "common/validate.hpp"
#include "common/version.hpp"
#include "coordinator/schedule/coordinator.hpp"
#include "coordinator/schedule/text.hpp"

namespace rsg::schedule {
namespace {

constexpr std::size_t kMostText = 256;
// Devices one agent may ever announce: each brings jobs into every open sweep.
constexpr std::size_t kMostDevices = 64;

absl::Status CheckProtocol(const v1::Hello& hello) {
  if (hello.protocol_version() == kProtocolVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "the agent (version {}) speaks protocol {}, this coordinator (version {}) speaks {}; upgrade the older one",
      OneLine(hello.agent_version(), kMostText), hello.protocol_version(), kVersion, kProtocolVersion));
}

// A Hello that does not come from where the newest one came. One process may give up a stream that arrives after its
// next one. Another process is older if it was started earlier, for each has a higher number than all before it: so
// what is late changes nothing, and of two copies of a state folder the one that was started later stays, whatever the
// other does. The numbers are not stored, only recalled after a failure to store: a Hello cannot outlive the program
// with which its TLS session was made.
bool IsLate(const v1::Hello& hello, const Agent& agent, bool same_process) {
  return same_process ? hello.stream() < agent.stream : hello.start() != 0 && hello.start() < agent.start;
}

// What an older stream ends with. For an older process, or a clone of the credential, that is final. One process,
// though, that has given up a stream is told on the one that it uses, and is to come back.
absl::Status TakenOver(bool by_same_process) {
  return by_same_process ? absl::UnavailableError("a later stream of the same agent took over")
                         : absl::AbortedError("a newer session with the same credential took over");
}

// What is stored and shown of a machine: one line each.
void Tidy(v1::MachineFacts* machine) {
  for (std::string* text :
       {machine->mutable_machine_id(), machine->mutable_hostname(), machine->mutable_operating_system(),
        machine->mutable_cpu_model(), machine->mutable_driver_version()})
    *text = OneLine(*text, kMostText);
  for (v1::Device& device : *machine->mutable_devices()) {
    device.set_id(OneLine(device.id(), kMostText));
    device.set_name(OneLine(device.name(), kMostText));
  }
}

}  // namespace

void Coordinator::Open(SessionId session, std::string_view credential_sha256, const Now& now, Effects& effects) {
  Advance(now);
  const auto known = by_credential_.find(std::string(credential_sha256));
  if (known == by_credential_.end()) {
    ++rejected_["credential"];
    effects.outgoing.emplace_back(
        Close{.session = session,
              .reason = absl::UnauthenticatedError("this coordinator does not know the agent's credential")});
    return;
  }
  Agent& agent = *known->second;
  if (agent.record.revoked) {
    ++rejected_["revoked"];
    effects.outgoing.emplace_back(Close{.session = session, .reason = Revoked()});
    return;
  }
  if (!QuotaOf(agent).OnStream(active_)) {
    Reject(agent, "quota", "opens streams although it has said far more than its quota", effects);
    effects.outgoing.emplace_back(
        Close{.session = session,
              .reason = absl::ResourceExhaustedError("this agent says more than its quota; try again in a moment")});
    return;
  }
  if (agent.opened != 0)
    CloseSession(agent.opened, TakenOver(/*by_same_process=*/true), now, effects);  // of whom Hello would tell
  agent.opened = session;
  sessions_[session] = {.agent = &agent, .opened = active_};
}

void Coordinator::Closed(SessionId session, bool in_good_order, const Now& now, Effects& effects) {
  Advance(now);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  Agent& agent = *found->second.agent;
  sessions_.erase(found);
  if (agent.opened == session) agent.opened = 0;
  if (agent.session == session) Detach(agent, in_good_order, now, effects);
  Settle(now, effects);
}

void Coordinator::CloseSession(SessionId session, absl::Status reason, const Now& now, Effects& effects) {
  effects.outgoing.emplace_back(Close{.session = session, .reason = std::move(reason)});
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  Agent& agent = *found->second.agent;
  sessions_.erase(found);
  if (agent.opened == session) agent.opened = 0;
  if (agent.session == session) Detach(agent, false, now, effects);
}

void Coordinator::Detach(Agent& agent, bool in_good_order, const Now& now, Effects& effects) {
  agent.session = 0;
  agent.heard = active_;
  agent.left = in_good_order && agent.attempts.empty();
  PutAgentChange(agent, now, effects);
  Log(agent, LogEntry::Level::kInfo, agent.left ? "left" : "detached", effects);
}

void Coordinator::SetDraining(Agent& agent, bool draining, const Now& now, Effects& effects) {
  if (!draining || agent.record.draining) return;
  agent.record.draining = true;
  PutAgentChange(agent, now, effects);
  Log(agent, LogEntry::Level::kInfo, "drains", effects);
}

void Coordinator::UpdateRecord(Agent& agent, v1::Hello& hello) {
  const bool new_process = agent.record.instance_id != hello.instance_id();
  // A process that was started anew after a drain is meant to work again.
  agent.record.draining = hello.draining() || (agent.record.draining && !new_process);
  agent.record.instance_id = hello.instance_id();
  agent.record.name = OneLine(hello.name(), kMostText);
  agent.record.agent_version = OneLine(hello.agent_version(), kMostText);
  agent.record.machine.Swap(hello.mutable_machine());
}

void Coordinator::OnHello(SessionId session, Agent& agent, v1::Hello& hello, const Now& now, Effects& effects) {
  absl::Status refused = CheckProtocol(hello);
  if (refused.ok()) refused = rsg::Validate(hello);
  if (!refused.ok()) {
    Reject(agent, "hello", "was refused: " + std::string(refused.message()), effects);
    return CloseSession(session, std::move(refused), now, effects);
  }
  Tidy(hello.mutable_machine());
  std::set<std::string> seen = agent.seen_devices;
  for (const v1::Device& device : hello.machine().devices()) seen.insert(device.id());
  if (seen.size() > kMostDevices) {  // before anything of it is kept
    Reject(agent, "hello", "announced too many devices", effects);
    return CloseSession(
        session,
        absl::ResourceExhaustedError(fmt::format("this agent has announced more than {} devices", kMostDevices)), now,
        effects);
  }
  const bool same_process = agent.record.instance_id == hello.instance_id();
  if (IsLate(hello, agent, same_process)) {
    // What it says of the attempts in hand is out of date.
    ++rejected_["late"];
    return CloseSession(session, TakenOver(same_process), now, effects);
  }
  if (agent.session != 0 && agent.session != session)
    CloseSession(agent.session, TakenOver(same_process), now, effects);
  agent.stream = hello.stream();
  agent.start = hello.start();
  if (!same_process) agent.spooled = 0;
  agent.session = session;
  agent.opened = 0;
  agent.heard = active_;
  agent.left = false;
  agent.stopping.reset();
  const bool operator_drains = agent.record.draining && !hello.draining();
  UpdateRecord(agent, hello);
  agent.seen_devices = std::move(seen);
  PutAgentChange(agent, now, effects);
  if (!hello.cpu_info().empty() || !hello.gpu_info().empty())
    effects.changes.push_back(PutMachineTexts{.agent_id = agent.record.agent_id,
                                              .cpu_info = std::move(*hello.mutable_cpu_info()),
                                              .gpu_info = std::move(*hello.mutable_gpu_info())});
  Log(agent, LogEntry::Level::kInfo, fmt::format("attached, {} device(s)", agent.record.machine.devices_size()),
      effects);
  Send welcome;
  welcome.session = session;
  welcome.message.mutable_welcome()->set_protocol_version(kProtocolVersion);
  welcome.message.mutable_welcome()->set_coordinator_version(kVersion);
  welcome.message.mutable_welcome()->set_agent_id(agent.record.agent_id);
  *welcome.message.mutable_welcome()->mutable_settings() = settings_.ToProto();
  effects.outgoing.emplace_back(std::move(welcome));
  ResumeInHand(agent, hello, now, effects);
  if (operator_drains && agent.record.draining) {
    Send drain;
    drain.session = session;
    drain.message.mutable_drain()->set_reason("the operator drains this agent");
    effects.outgoing.emplace_back(std::move(drain));
  }
  ClaimDevices(agent, now, effects);
  idle_.insert(agent.record.agent_id);
}

}  // namespace rsg::schedule
