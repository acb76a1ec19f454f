#include "agent/agent.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/job/trainer_command.hpp"
#include "common/clock.hpp"
#include "common/log.hpp"
#include "common/script.hpp"

namespace rsg::agent {
namespace {

constexpr double kSpoolWarningSeconds = 60;
constexpr double kCloseSeconds = 1;  // for the coordinator to take note of our leaving

/// Milliseconds for poll(), rounded up, so that what is due is due when it returns.
int Milliseconds(double seconds) {
  constexpr double kLongest = 3600;
  return static_cast<int>(std::ceil(std::clamp(seconds, 0.0, kLongest) * 1000));
}

}  // namespace

int Agent::Run() {
  Feed(Tick{});
  while (!exit_code_) {
    Wait();
    TakeSignals();
    TakeScript();
    for (Event& event : parts_.runner->Collect()) Feed(std::move(event));
    for (Event& event : parts_.link->Take()) Feed(std::move(event));
    Feed(Tick{});
  }
  parts_.link->Close(kCloseSeconds);
  return *exit_code_;
}

void Agent::Wait() {
  std::vector<pollfd> entries{{.fd = parts_.signal_fd, .events = POLLIN, .revents = 0},
                              {.fd = parts_.link->fd(), .events = POLLIN, .revents = 0},
                              {.fd = parts_.script_fd, .events = POLLIN, .revents = 0}};
  parts_.runner->AddPollEntries(&entries);
  const double due = std::min(parts_.machine->Deadline(), parts_.fetcher->Deadline()) - SystemClock().Monotonic();
  poll(entries.data(), entries.size(), Milliseconds(std::min(due, parts_.runner->CollectEvery())));
}

void Agent::TakeSignals() {
  signalfd_siginfo info{};
  while (read(parts_.signal_fd, &info, sizeof info) == sizeof info)
    Feed(StopAsked{.signal = static_cast<int>(info.ssi_signo)});
}

void Agent::Feed(Event event) {
  answers_.push_back(std::move(event));
  while (!answers_.empty() && !exit_code_) {
    const Event next = std::move(answers_.front());
    answers_.pop_front();
    if (std::holds_alternative<Enrolled>(next)) {
      if (const absl::Status saved = parts_.on_enrolled(); !saved.ok()) spdlog::warn(std::string(saved.message()));
    }
    for (const Action& action : parts_.machine->Handle(next, SystemClock().Monotonic())) Do(action);
  }
}

void Agent::Do(const Action& action) {
  if (const auto* log = std::get_if<Log>(&action)) return LogLine(log->level, log->text, log->fields);
  if (const auto* send = std::get_if<Send>(&action)) return parts_.link->Send(send->message);
  if (const auto* keep = std::get_if<Keep>(&action)) return KeepOnDisk(*keep);
  if (const auto* release = std::get_if<Release>(&action)) return parts_.spool->Release(*release);
  if (const auto* spawn = std::get_if<Spawn>(&action)) return Begin(*spawn);
  if (const auto* exit = std::get_if<Exit>(&action)) {
    exit_code_ = exit->code;
    return;
  }
  if (std::holds_alternative<Enrol>(action)) return parts_.link->Enrol();
  if (std::holds_alternative<Dial>(action)) return parts_.link->Dial();
  if (std::holds_alternative<Hangup>(action)) return parts_.link->Hangup();
  if (std::holds_alternative<Terminate>(action) || std::holds_alternative<Kill>(action)) {
    if (waiting_) return GiveUpScript();
    return std::holds_alternative<Kill>(action) ? parts_.runner->Kill() : parts_.runner->Terminate();
  }
}

// Needed only if this process dies before the coordinator has it; so a full disk is a warning, and no attempt ends for
// it.
void Agent::KeepOnDisk(const Keep& keep) {
  parts_.spool->set_max_bytes(parts_.machine->max_spool_bytes());
  const absl::Status kept = parts_.spool->Keep(keep);
  const double now = SystemClock().Monotonic();
  if (kept.ok() || now < spool_warned_at_ + kSpoolWarningSeconds) return;
  spool_warned_at_ = now;
  LogLine(LogLevel::kWarning,
          absl::StrCat(keep.attempt_id,
                       ": what the coordinator does not have yet is kept in memory only, and is lost if this agent is "
                       "killed: ",
                       kept.message()),
          FieldsOf(keep.attempt_id));
}

void Agent::Begin(const Spawn& spawn) {
  if (!spawn.assign.cell().has_script()) return answers_.push_back(StartTrainer(spawn, {}));
  waiting_ = spawn;
  parts_.fetcher->Start(spawn.assign, SystemClock().Monotonic());
}

void Agent::TakeScript() {
  const auto done = parts_.fetcher->Poll(SystemClock().Monotonic());
  if (!done || !waiting_) return;
  const Spawn spawn = *std::exchange(waiting_, std::nullopt);
  if (done->file.ok()) {
    const v1::Cell& cell = spawn.assign.cell();
    if (done->came)
      LogLine(LogLevel::kInfo, fmt::format("{}: fetched, {:.1f} MB", DescribeModel(cell), cell.script().bytes() / 1e6),
              FieldsOf(spawn.assign.attempt_id()));
    Feed(StartTrainer(spawn, *done->file));
  } else {
    // What no machine will get is the job's own failure; the rest is this machine's.
    const bool hopeless = absl::IsNotFound(done->file.status()) || absl::IsDataLoss(done->file.status());
    Feed(SpawnFailed{.attempt_id = done->attempt_id,
                     .reason = std::string(done->file.status().message()),
                     .outcome = hopeless ? v1::OUTCOME_FAILED : v1::OUTCOME_LOST});
  }
}

void Agent::GiveUpScript() {
  parts_.fetcher->Stop();
  answers_.push_back(SpawnFailed{.attempt_id = waiting_->assign.attempt_id(),
                                 .reason = "stopped while its script was fetched",
                                 .outcome = v1::OUTCOME_LOST});
  waiting_.reset();
}

Event Agent::StartTrainer(const Spawn& spawn, const std::filesystem::path& script) {
  const std::string& attempt_id = spawn.assign.attempt_id();
  const absl::Status started =
      parts_.runner->Start({.attempt_id = attempt_id,
                            .program = parts_.trainer,
                            .arguments = TrainerArguments(spawn.assign, spawn.device, parts_.state_folder, script),
                            .environment = parts_.child_environment,
                            .batch_size = spawn.assign.cell().batch_size()});
  if (started.ok()) return Spawned{attempt_id};
  return SpawnFailed{.attempt_id = attempt_id, .reason = std::string(started.message())};
}

}  // namespace rsg::agent
