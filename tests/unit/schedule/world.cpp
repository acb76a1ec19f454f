#include "world.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/secret.hpp"
#include "common/version.hpp"

namespace rsg::schedule {

v1::Device Gpu(const std::string& id, const std::string& name) {
  v1::Device device;
  device.set_id(id);
  device.set_kind(v1::DEVICE_KIND_GPU);
  device.set_name(name);
  for (const auto precision : {v1::PRECISION_FP32, v1::PRECISION_FP16, v1::PRECISION_BF16})
    device.add_precisions(precision);
  return device;
}

v1::Device Cpu(const std::string& id) {
  v1::Device device;
  device.set_id(id);
  device.set_kind(v1::DEVICE_KIND_CPU);
  device.set_name("AMD EPYC");
  for (const auto precision : {v1::PRECISION_FP32, v1::PRECISION_FP32_STRICT, v1::PRECISION_BF16})
    device.add_precisions(precision);
  return device;
}

v1::Window MakeWindow(std::uint32_t sequence, std::uint32_t batch_size, bool warm_up) {
  v1::Window window;
  window.set_sequence(sequence);
  window.set_steps(2);
  window.set_samples(2 * batch_size);
  window.set_seconds(0.5);
  window.set_wall_seconds(0.5);
  window.set_start_seconds(0.5 * sequence);
  window.set_warm_up(warm_up);
  return window;
}

v1::Result MakeResult(std::uint32_t batch_size, std::uint32_t windows) {
  v1::Result result;
  result.set_windows(windows);
  result.set_steps(2 * windows);
  result.set_samples(2 * windows * batch_size);
  result.set_seconds(0.5 * windows);
  result.set_wall_seconds(0.5 * windows);
  result.set_throughput(4.0 * batch_size);
  result.set_stop_reason(v1::STOP_REASON_SECONDS);
  return result;
}

v1::SweepSpec Spec(std::vector<std::uint32_t> batch_sizes, std::vector<std::string> models) {
  v1::SweepSpec spec;
  for (const std::string& model : models) spec.add_models(model);
  for (const std::uint32_t batch_size : batch_sizes) spec.add_batch_sizes(batch_size);
  spec.set_control(false);
  return spec;
}

v1::SweepSpec ControlledSpec(std::vector<std::uint32_t> batch_sizes, std::vector<std::string> models) {
  v1::SweepSpec spec = Spec(std::move(batch_sizes), std::move(models));
  spec.clear_control();  // the default
  return spec;
}

v1::AttemptInHand InHand(const v1::Assign& assign, std::uint32_t last_sequence, bool finished) {
  v1::AttemptInHand attempt;
  attempt.set_attempt_id(assign.attempt_id());
  attempt.set_lease_token(assign.lease_token());
  attempt.set_last_sequence(last_sequence);
  attempt.set_finished(finished);
  return attempt;
}

World::World(const Settings& with) : settings(with) { Restart(); }

void World::Restart() {
  coordinator = std::make_unique<Coordinator>(settings, [this](std::size_t bytes) {
    // Distinct, and as long as asked for; nothing else matters here.
    return Sha256Hex(fmt::format("random {}", ++random_)).substr(0, 2 * bytes);
  });
  sent_.clear();
  closed_.clear();
  coordinator->Load(memory.Load(), now, effects);
  Commit();
}

void World::Commit() {
  Effects done = std::exchange(effects, {});
  memory.Apply(done.changes);
  for (auto& action : done.outgoing) {
    if (auto* send = std::get_if<Send>(&action)) {
      EXPECT_NE(send->session, 0u);
      EXPECT_FALSE(closed_.contains(send->session)) << "sent after Close";
      sent_[send->session].push_back(std::move(send->message));
    } else {
      const Close& close = std::get<Close>(action);
      EXPECT_TRUE(closed_.emplace(close.session, close.reason).second) << "closed twice";
    }
  }
  for (auto& status : done.ended) ended.push_back(std::move(status));
  for (auto& entry : done.log) log.push_back(std::move(entry));
}

void World::Pass(double seconds) {
  const double tick = settings.TickSeconds();
  for (double passed = 0; passed < seconds; passed += tick) {
    now.monotonic += tick;
    now.unix += tick;
    coordinator->Tick(now, effects);
    Commit();
  }
}

Peer World::Enrol(const std::string& name, std::vector<v1::Device> devices) {
  const auto token = coordinator->CreateToken({}, now, effects);
  EXPECT_TRUE(token.ok()) << token.status();
  Peer peer;
  peer.name = name;
  peer.credential = Sha256Hex("secret of " + name);
  peer.machine_id = Sha256Hex("machine of " + name).substr(0, 16);
  peer.devices = std::move(devices);
  v1::EnrollRequest request;
  request.set_join_token(token->secret);
  request.set_credential_sha256(peer.credential);
  request.set_name(name);
  const auto enrolled = coordinator->Enroll(request, now, effects);
  EXPECT_TRUE(enrolled.ok()) << enrolled.status();
  Commit();
  peer.agent_id = enrolled.ok() ? enrolled->agent_id() : "";
  NewProcess(peer);
  return peer;
}

void World::NewProcess(Peer& peer) { peer.instance_id = Sha256Hex(fmt::format("process {}", ++random_)).substr(0, 32); }

v1::Hello World::HelloOf(const Peer& peer) const {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_agent_version("0.1.0");
  hello.set_name(peer.name);
  hello.set_instance_id(peer.instance_id);
  hello.mutable_machine()->set_machine_id(peer.machine_id);
  hello.mutable_machine()->set_driver_version(peer.driver_version);
  for (const v1::Device& device : peer.devices) *hello.mutable_machine()->add_devices() = device;
  for (const std::string& model : peer.models) hello.mutable_machine()->add_models(model);
  return hello;
}

void World::Attach(Peer& peer, const std::vector<v1::AttemptInHand>& attempts, bool draining) {
  peer.session = ++last_session_;
  coordinator->Open(peer.session, peer.credential, now, effects);
  v1::AgentMessage message;
  *message.mutable_hello() = HelloOf(peer);
  for (const auto& attempt : attempts) *message.mutable_hello()->add_attempts() = attempt;
  message.mutable_hello()->set_draining(draining);
  Say(peer, std::move(message));
}

Peer World::Attached(const std::string& name, std::vector<v1::Device> devices) {
  Peer peer = Enrol(name, std::move(devices));
  Attach(peer);
  return peer;
}

void World::Detach(Peer& peer, bool in_good_order) {
  coordinator->Closed(std::exchange(peer.session, 0), in_good_order, now, effects);
  Commit();
}

absl::StatusOr<v1::SubmitSweepResponse> World::TrySubmit(const v1::SweepSpec& spec, bool dry_run) {
  v1::SubmitSweepRequest request;
  *request.mutable_spec() = spec;
  request.set_request_id(fmt::format("request {}", ++requests_));
  request.set_dry_run(dry_run);
  auto response = coordinator->SubmitSweep(request, now, effects);
  Commit();
  return response;
}

v1::SubmitSweepResponse World::Submit(const v1::SweepSpec& spec) {
  const auto response = TrySubmit(spec);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *response : v1::SubmitSweepResponse();
}

void World::Say(const Peer& peer, v1::AgentMessage message) {
  coordinator->Receive(peer.session, std::move(message), now, effects);
  Commit();
}

void World::SayStarted(const Peer& peer, const v1::Assign& assign) {
  v1::AgentMessage message;
  message.mutable_attempt_started()->set_attempt_id(assign.attempt_id());
  message.mutable_attempt_started()->set_lease_token(assign.lease_token());
  Say(peer, std::move(message));
}

void World::SayWindows(const Peer& peer, const v1::Assign& assign, std::uint32_t first, std::uint32_t last) {
  v1::AgentMessage message;
  message.mutable_window_batch()->set_attempt_id(assign.attempt_id());
  message.mutable_window_batch()->set_lease_token(assign.lease_token());
  for (std::uint32_t sequence = first; sequence <= last; ++sequence)
    *message.mutable_window_batch()->add_windows() = MakeWindow(sequence, assign.cell().batch_size());
  Say(peer, std::move(message));
}

void World::SayFinished(const Peer& peer, const v1::Assign& assign, v1::Outcome outcome, std::uint32_t final_sequence) {
  v1::AgentMessage message;
  v1::AttemptFinished& finished = *message.mutable_attempt_finished();
  finished.set_attempt_id(assign.attempt_id());
  finished.set_lease_token(assign.lease_token());
  finished.set_outcome(outcome);
  finished.set_final_sequence(final_sequence);
  if (outcome == v1::OUTCOME_COMPLETED)
    *finished.mutable_result() = MakeResult(assign.cell().batch_size(), final_sequence);
  else
    finished.set_error("it did not work");
  Say(peer, std::move(message));
}

void World::Complete(const Peer& peer, const v1::Assign& assign) {
  SayStarted(peer, assign);
  SayWindows(peer, assign, 1, 2);
  SayFinished(peer, assign, v1::OUTCOME_COMPLETED, 2);
}

std::vector<v1::CoordinatorMessage> World::Take(const Peer& peer) { return std::exchange(sent_[peer.session], {}); }

template <typename Pick>
auto World::TakeFirst(const Peer& peer, Pick pick) {
  auto& queue = sent_[peer.session];
  std::optional<std::decay_t<decltype(*pick(queue.front()))>> taken;
  for (auto at = queue.begin(); at != queue.end(); ++at) {
    const auto* part = pick(*at);
    if (part == nullptr) continue;
    taken = *part;
    queue.erase(at);
    break;
  }
  return taken;
}

std::optional<v1::Assign> World::TakeAssign(const Peer& peer) {
  return TakeFirst(peer, [](const v1::CoordinatorMessage& m) { return m.has_assign() ? &m.assign() : nullptr; });
}
std::optional<v1::Ack> World::TakeAck(const Peer& peer) {
  return TakeFirst(peer, [](const v1::CoordinatorMessage& m) { return m.has_ack() ? &m.ack() : nullptr; });
}
std::optional<v1::Cancel> World::TakeCancel(const Peer& peer) {
  return TakeFirst(peer, [](const v1::CoordinatorMessage& m) { return m.has_cancel() ? &m.cancel() : nullptr; });
}
std::optional<v1::FinishedAck> World::TakeFinishedAck(const Peer& peer) {
  return TakeFirst(peer,
                   [](const v1::CoordinatorMessage& m) { return m.has_finished_ack() ? &m.finished_ack() : nullptr; });
}

absl::Status World::ClosedWith(SessionId session) const {
  const auto found = closed_.find(session);
  return found == closed_.end() ? absl::OkStatus() : found->second;
}

v1::AgentState World::StateOf(const Peer& peer) const {
  const v1::ListAgentsResponse agents = coordinator->ListAgents(now);
  for (const v1::Agent& agent : agents.agents())
    if (agent.agent_id() == peer.agent_id) return agent.state();
  return v1::AGENT_STATE_UNSPECIFIED;
}

std::uint64_t World::Rejected(const std::string& reason) const {
  const auto found = coordinator->rejected().find(reason);
  return found == coordinator->rejected().end() ? 0 : found->second;
}

}  // namespace rsg::schedule
