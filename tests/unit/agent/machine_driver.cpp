#include "machine_driver.hpp"

#include <algorithm>

#include "common/version.hpp"

namespace rsg::agent {

MachineConfig GoodConfig() {
  MachineConfig config;
  config.name = "one";
  config.instance_id = kToken;
  config.boot_id = "boot";
  v1::Device* cpu = config.machine.add_devices();
  cpu->set_id("CPU-1");
  cpu->set_kind(v1::DEVICE_KIND_CPU);
  cpu->set_name("Some CPU");
  config.enrolled = true;
  config.can_enrol = true;
  return config;
}

v1::Settings ShortSettings() {
  v1::Settings settings;
  settings.set_heartbeat_seconds(1);
  settings.set_flush_seconds(0.5);
  settings.set_max_unacked(4);
  settings.set_kill_after_seconds(2);
  settings.set_reconnect_cap_seconds(4);
  settings.set_max_spooled_windows(10);
  return settings;
}

v1::Assign GoodAssign(const std::string& attempt_id, const std::string& token) {
  v1::Assign assign;
  assign.set_attempt_id(attempt_id);
  assign.set_lease_token(token);
  assign.set_device_id("CPU-1");
  v1::Cell* cell = assign.mutable_cell();
  cell->set_model("resnet18");
  cell->set_batch_size(2);
  cell->set_image_size(64);
  cell->set_precision(v1::PRECISION_FP32);
  cell->set_memory_format(v1::MEMORY_FORMAT_NCHW);
  cell->set_mode(v1::MODE_STANDARD);
  assign.mutable_limits()->set_seconds(10);
  assign.mutable_limits()->set_max_seconds(60);
  assign.set_max_runtime_seconds(100);
  return assign;
}

v1::Window GoodWindow(std::uint32_t sequence) {
  v1::Window window;
  window.set_sequence(sequence);
  window.set_steps(3);
  window.set_samples(6);
  window.set_seconds(0.5);
  window.set_wall_seconds(0.5);
  window.set_start_seconds(0.5 * sequence);
  return window;
}

v1::TrainerEvent StartedEvent() {
  v1::TrainerEvent event;
  event.mutable_started()->set_protocol_version(kProtocolVersion);
  *event.mutable_started()->mutable_cell() = GoodAssign().cell();
  return event;
}

v1::TrainerEvent WindowEvent(std::uint32_t sequence) {
  v1::TrainerEvent event;
  *event.mutable_window() = GoodWindow(sequence);
  return event;
}

v1::TrainerEvent FinishedEvent(v1::Outcome outcome) {
  v1::TrainerEvent event;
  event.mutable_finished()->set_outcome(outcome);
  if (outcome == v1::OUTCOME_COMPLETED) {
    event.mutable_finished()->mutable_result()->set_throughput(12);
  } else {
    event.mutable_finished()->set_error("it says why");
  }
  return event;
}

v1::CoordinatorMessage WelcomeMessage() {
  v1::CoordinatorMessage message;
  message.mutable_welcome()->set_protocol_version(kProtocolVersion);
  message.mutable_welcome()->set_agent_id("a-1");
  *message.mutable_welcome()->mutable_settings() = ShortSettings();
  return message;
}

v1::CoordinatorMessage AssignMessage(const v1::Assign& assign) {
  v1::CoordinatorMessage message;
  *message.mutable_assign() = assign;
  return message;
}

v1::CoordinatorMessage AckMessage(const std::string& attempt_id, std::uint32_t sequence) {
  v1::CoordinatorMessage message;
  message.mutable_ack()->set_attempt_id(attempt_id);
  message.mutable_ack()->set_sequence(sequence);
  return message;
}

v1::CoordinatorMessage CancelMessage(const std::string& attempt_id, const std::string& token) {
  v1::CoordinatorMessage message;
  message.mutable_cancel()->set_attempt_id(attempt_id);
  message.mutable_cancel()->set_lease_token(token);
  message.mutable_cancel()->set_reason("by the operator");
  return message;
}

v1::CoordinatorMessage FinishedAckMessage(const std::string& attempt_id, bool accepted) {
  v1::CoordinatorMessage message;
  message.mutable_finished_ack()->set_attempt_id(attempt_id);
  message.mutable_finished_ack()->set_accepted(accepted);
  return message;
}

void MachineDriver::Make(MachineConfig config, double random) {
  machine_ = std::make_unique<Machine>(std::move(config), [random] { return random; });
  actions_.clear();
  write_open_ = dialled_ = false;
}

void MachineDriver::Handle(const Event& event) {
  if (std::holds_alternative<WriteDone>(event) || std::holds_alternative<LinkLost>(event)) write_open_ = false;
  if (std::holds_alternative<LinkLost>(event)) dialled_ = false;
  for (Action& action : machine_->Handle(event, now_)) {
    if (std::holds_alternative<Dial>(action)) dialled_ = true;
    if (std::holds_alternative<Send>(action)) {
      EXPECT_FALSE(write_open_) << "two writes at a time";
      write_open_ = true;
    }
    actions_.push_back(std::move(action));
  }
}

void MachineDriver::Give(const std::vector<Event>& events) {
  for (const Event& event : events) Handle(event);
  if (machine_->Deadline() > now_) return;
  const std::size_t before = actions_.size();
  Handle(Tick{});
  EXPECT_TRUE(machine_->Deadline() > now_ || actions_.size() > before) << "a Tick was due and did nothing";
}

void MachineDriver::Say(const v1::TrainerEvent& event, const std::string& attempt_id) {
  Give(TrainerSaid{attempt_id, event});
}

void MachineDriver::ChildExits(int code, int signal, const std::string& attempt_id) {
  Give(ChildExited{.attempt_id = attempt_id, .exit_code = code, .signal = signal, .log_tail = "last words\n"});
}

void MachineDriver::Flush() {
  while (write_open_) Give(WriteDone{});
}

void MachineDriver::Pass(double seconds) {
  const double until = now_ + seconds;
  Flush();
  while (machine_->Deadline() <= until) {
    now_ = std::max(now_, machine_->Deadline());
    Give(Tick{});
    Flush();
  }
  now_ = until;
}

void MachineDriver::Attach() {
  if (!dialled_) Pass(10);
  Flush();
  Hear(WelcomeMessage());
  Flush();
}

void MachineDriver::StartAttempt() {
  Attach();
  Hear(AssignMessage(GoodAssign()));
  Give(Spawned{"s1.1.1"});
  Say(StartedEvent());
  Flush();
}

void MachineDriver::Windows(std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t sequence = first; sequence <= last; ++sequence) Say(WindowEvent(sequence));
}

std::vector<v1::AgentMessage> MachineDriver::Sent(v1::AgentMessage::MessageCase kind) const {
  std::vector<v1::AgentMessage> sent;
  for (const Action& action : actions_) {
    const auto* send = std::get_if<Send>(&action);
    if (send != nullptr && send->message.message_case() == kind) sent.push_back(send->message);
  }
  return sent;
}

std::vector<std::uint32_t> MachineDriver::SentWindows() const {
  std::vector<std::uint32_t> sequences;
  for (const v1::AgentMessage& message : Sent(v1::AgentMessage::kWindowBatch)) {
    for (const v1::Window& window : message.window_batch().windows()) sequences.push_back(window.sequence());
  }
  return sequences;
}

v1::AttemptFinished MachineDriver::Finished() const {
  const auto sent = Sent(v1::AgentMessage::kAttemptFinished);
  EXPECT_FALSE(sent.empty()) << "no AttemptFinished was sent";
  return sent.empty() ? v1::AttemptFinished{} : sent.back().attempt_finished();
}

std::optional<int> MachineDriver::ExitCode() const {
  for (const Action& action : actions_) {
    if (const auto* exit = std::get_if<Exit>(&action)) return exit->code;
  }
  return std::nullopt;
}

std::string MachineDriver::LogText() const {
  std::string text;
  for (const Action& action : actions_) {
    if (const auto* log = std::get_if<Log>(&action)) text += log->text + "\n";
  }
  return text;
}

}  // namespace rsg::agent
