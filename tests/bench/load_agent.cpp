#include "load_agent.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/clock.hpp"
#include "common/secret.hpp"
#include "common/version.hpp"

namespace rsg::bench {
namespace {

agent::MachineConfig Config(int number) {
  agent::MachineConfig config;
  config.name = fmt::format("load-{}", number);
  config.instance_id = RandomHex(16);
  config.boot_id = "load";
  config.machine.set_machine_id(fmt::format("{:016x}", number));
  config.machine.add_models("resnet18");
  v1::Device& device = *config.machine.add_devices();
  device.set_id(fmt::format("CPU-{:012x}", number));
  device.set_kind(v1::DEVICE_KIND_CPU);
  device.set_name("Scripted CPU");
  device.add_precisions(v1::PRECISION_FP32);
  config.can_enrol = true;
  return config;
}

agent::FleetLinkOptions LinkOptions(const JoinLine& join, int number) {
  agent::FleetLinkOptions options{
      .coordinator = join, .join_token = join.secret, .name = fmt::format("load-{}", number)};
  options.coordinator.secret = RandomHex(32);
  return options;
}

v1::TrainerEvent Started(const v1::Cell& cell) {
  v1::TrainerEvent event;
  event.mutable_started()->set_protocol_version(kProtocolVersion);
  *event.mutable_started()->mutable_cell() = cell;
  event.mutable_started()->set_device_name("Scripted CPU");
  return event;
}

v1::TrainerEvent WindowOf(const v1::Cell& cell, std::uint32_t sequence, double seconds) {
  v1::TrainerEvent event;
  v1::Window& window = *event.mutable_window();
  window.set_sequence(sequence);
  window.set_steps(1);
  window.set_samples(cell.batch_size());
  window.set_seconds(seconds);
  window.set_wall_seconds(seconds);
  window.set_start_seconds(seconds * (sequence - 1));
  return event;
}

v1::TrainerEvent Finished(const v1::Cell& cell, std::uint32_t windows, double seconds) {
  v1::TrainerEvent event;
  event.mutable_finished()->set_outcome(v1::OUTCOME_COMPLETED);
  v1::Result& result = *event.mutable_finished()->mutable_result();
  result.set_windows(windows);
  result.set_steps(windows);
  result.set_samples(windows * cell.batch_size());
  result.set_seconds(seconds * windows);
  result.set_wall_seconds(seconds * windows);
  result.set_throughput(cell.batch_size() / seconds);
  result.set_stop_reason(v1::STOP_REASON_SECONDS);
  return event;
}

}  // namespace

LoadAgent::LoadAgent(const JoinLine& join, int number, const Script& script, Tally* tally)
    : script_(script),
      tally_(tally),
      random_(static_cast<std::uint64_t>(number)),
      link_(LinkOptions(join, number)),
      machine_(Config(number), [this] { return std::generate_canonical<double, 53>(random_); }) {
  Feed(agent::Tick{});
}

void LoadAgent::Turn() {
  const double now = SystemClock().Monotonic();
  std::vector<agent::Event> events = link_.Take();
  for (agent::Event& event : events) {
    Note(event, now);
    Feed(std::move(event));
  }
  Play(now);
  if (!events.empty() || now >= machine_.Deadline()) Feed(agent::Tick{});
}

void LoadAgent::Note(const agent::Event& event, double now) {
  if (std::holds_alternative<agent::LinkLost>(event)) {
    ++tally_->links_lost;
    unacked_.clear();  // what was lost is sent anew
    return;
  }
  const auto* received = std::get_if<agent::Received>(&event);
  if (received != nullptr && received->message.has_welcome() && !std::exchange(welcomed_, true)) ++tally_->welcomed;
  if (received == nullptr || !received->message.has_ack()) return;
  const v1::Ack& ack = received->message.ack();
  std::erase_if(unacked_, [&](const Unacked& batch) {
    if (batch.attempt_id != ack.attempt_id() || batch.last > ack.sequence()) return false;
    tally_->ack_seconds.push_back(now - batch.sent_at);
    return true;
  });
}

void LoadAgent::Feed(agent::Event event) {
  answers_.push_back(std::move(event));
  while (!answers_.empty() && !gone_) {
    const agent::Event next = std::move(answers_.front());
    answers_.pop_front();
    for (const agent::Action& action : machine_.Handle(next, SystemClock().Monotonic())) Do(action);
  }
}

void LoadAgent::Do(const agent::Action& action) {
  const double now = SystemClock().Monotonic();
  if (const auto* send = std::get_if<agent::Send>(&action)) {
    if (send->message.has_window_batch()) {
      const v1::WindowBatch& batch = send->message.window_batch();
      unacked_.push_back({batch.attempt_id(), batch.windows(batch.windows_size() - 1).sequence(), now});
    }
    link_.Send(send->message);
  } else if (const auto* spawn = std::get_if<agent::Spawn>(&action)) {
    ++tally_->attempts;
    // Not all at one beat.
    const double first = std::uniform_real_distribution<double>(0, script_.pace_seconds)(random_);
    child_ = std::make_unique<Child>(Child{spawn->assign.attempt_id(), spawn->assign.cell(), 0, now + first});
    answers_.emplace_back(agent::Spawned{child_->attempt_id});
    answers_.emplace_back(agent::TrainerSaid{child_->attempt_id, Started(child_->cell)});
  } else if (std::holds_alternative<agent::Enrol>(action)) {
    link_.Enrol();
  } else if (std::holds_alternative<agent::Dial>(action)) {
    link_.Dial();
  } else if (std::holds_alternative<agent::Hangup>(action)) {
    link_.Hangup();
  } else if (std::holds_alternative<agent::Terminate>(action) || std::holds_alternative<agent::Kill>(action)) {
    ++tally_->stopped;
    End(0, 15);
  } else if (const auto* log = std::get_if<agent::Log>(&action)) {
    if (log->level != agent::Log::Level::kInfo) ++tally_->warnings[log->text];
  } else if (std::holds_alternative<agent::Exit>(action)) {
    gone_ = true;
  }
}

void LoadAgent::Play(double now) {
  while (child_ && now >= child_->next_at) {
    child_->next_at += script_.pace_seconds;
    const std::string attempt_id = child_->attempt_id;
    if (child_->said < script_.windows) {
      Feed(agent::TrainerSaid{attempt_id, WindowOf(child_->cell, ++child_->said, script_.pace_seconds)});
    } else {
      Feed(agent::TrainerSaid{attempt_id, Finished(child_->cell, child_->said, script_.pace_seconds)});
      End(0, 0);
      Feed(agent::Tick{});
    }
  }
}

void LoadAgent::End(int exit_code, int signal) {
  if (!child_) return;
  const std::string attempt_id = std::exchange(child_, nullptr)->attempt_id;
  answers_.emplace_back(
      agent::ChildExited{.attempt_id = attempt_id, .exit_code = exit_code, .signal = signal, .log_tail = ""});
}

}  // namespace rsg::bench
