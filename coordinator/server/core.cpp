#include "coordinator/server/core.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "common/log.hpp"

namespace rsg::server {
namespace {

// Events handled before one commit: enough to make the disk's flush cheap, few enough to keep acks prompt.
constexpr std::size_t kMostEventsACommit = 4096;
constexpr double kCloseSeconds = 5;
constexpr double kWatchSeconds = 0.5;

absl::Status Stopping() { return absl::UnavailableError("the coordinator is stopping; it can be reached again later"); }

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> Core::Start(const Options& options) {
  auto core = Open(options);
  if (core.ok()) (*core)->thread_ = std::thread(&Core::Run, core->get());
  return core;
}

absl::StatusOr<std::unique_ptr<Core>> Core::Open(const Options& options) {
  auto store = store::Store::Open(options.database);
  if (!store.ok()) return store.status();
  (*store)->ForwardNewJobs(options.forward);
  std::unique_ptr<Core> core(new Core(options, *std::move(store)));
  if (auto made = core->MakeCoordinator(); !made.ok()) return made;
  return core;
}

Core::Core(const Options& options, std::unique_ptr<store::Store> store)
    : options_(options), store_(std::move(store)), mailbox_(options.mailbox) {}

Core::~Core() { Stop(); }

void Core::Stop() {
  stop_ = true;
  mailbox_.Push({});  // wakes it
  if (thread_.joinable()) thread_.join();
}

schedule::Now Core::Time() const { return {.monotonic = options_.clock->Monotonic(), .unix = options_.clock->Unix()}; }

void Core::Post(Action action, Done done) {
  if (closing_down_) return done(Stopping());
  Event event{.action = std::move(action), .done = done};
  if (!mailbox_.Push(std::move(event)))
    done(absl::ResourceExhaustedError("the coordinator is overloaded; try again in a moment"));
}

absl::Status Core::PostAndWait(Action action) {
  auto promise = std::make_shared<std::promise<absl::Status>>();
  auto future = promise->get_future();
  Post(std::move(action), [promise](const absl::Status& status) { promise->set_value(status); });
  return future.get();
}

void Core::OpenSession(schedule::SessionId session, std::shared_ptr<Outlet> outlet, std::string credential_sha256,
                       Done done) {
  Post(
      [this, session, outlet, hash = std::move(credential_sha256)](
          schedule::Coordinator& coordinator, const schedule::Now& now, schedule::Effects& effects) {
        outlets_[session] = outlet;
        coordinator.Open(session, hash, now, effects);
      },
      [outlet, done = std::move(done)](const absl::Status& status) {
        if (!status.ok()) outlet->Close(status);
        done(status);
      });
}

void Core::Receive(schedule::SessionId session, v1::AgentMessage message, Done done) {
  // std::function wants what can be copied; the message is moved out of it all the same.
  struct Received {
    v1::AgentMessage message;
    double pause = 0;
  };
  auto received = std::make_shared<Received>();
  received->message = std::move(message);
  const std::optional<double> windows_read =
      received->message.has_window_batch() ? std::optional(options_.clock->Monotonic()) : std::nullopt;
  Post(
      [session, received](schedule::Coordinator& coordinator, const schedule::Now& now, schedule::Effects& effects) {
        received->pause = coordinator.Receive(session, std::move(received->message), now, effects);
      },
      [this, received, windows_read, done = std::move(done)](const absl::Status& status) {
        if (status.ok() && windows_read) figures_.acks.Add(options_.clock->Monotonic() - *windows_read);
        if (!status.ok() || received->pause <= 0) return done(status);
        held_.emplace(options_.clock->Monotonic() + received->pause, done);
      });
}

void Core::CloseSession(schedule::SessionId session, bool in_good_order) {
  Event event;
  event.action = [this, session, in_good_order](schedule::Coordinator& coordinator, const schedule::Now& now,
                                                schedule::Effects& effects) {
    outlets_.erase(session);
    coordinator.Closed(session, in_good_order, now, effects);
  };
  // The mailbox is larger than what all admitted streams and calls can have under way.
  if (!mailbox_.Push(std::move(event))) spdlog::error("the end of stream {} was dropped", session);
}

void Core::Watch(std::int64_t sweep, std::shared_ptr<Watcher> watcher, Done done) {
  auto found = std::make_shared<absl::StatusOr<v1::SweepStatus>>(absl::UnknownError(""));
  Post([sweep, found](schedule::Coordinator& coordinator, const schedule::Now& now,
                      schedule::Effects&) { *found = coordinator.Status(sweep, now); },
       [this, sweep, found, watcher, done = std::move(done)](const absl::Status& status) {
         if (!status.ok() || !found->ok()) return done(status.ok() ? found->status() : status);
         watchers_.Add(sweep, watcher, **found);
         done(absl::OkStatus());
       });
}

void Core::CloseAll() {
  auto closed = std::make_shared<std::promise<void>>();
  auto future = closed->get_future();
  const auto close = [this, closed](const absl::Status&) {
    closing_down_ = true;
    CloseStreams(Stopping());
    closed->set_value();
  };
  // Must not be refused: the streams are the core's thread's alone to close.
  while (!mailbox_.Push({.action = {}, .done = close})) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  future.wait();
}

void Core::Run() {
  while (!stop_) {
    mailbox_.Wait(std::clamp(Due() - options_.clock->Monotonic(), 0.0, 1.0));
    Round();
  }
  std::deque<Event> rest = mailbox_.TakeAll();
  while (!rest.empty()) Handle(rest);
}

void Core::Round() {
  std::deque<Event> events = mailbox_.TakeAll();
  do {
    Handle(events);
  } while (!events.empty());
  CutSlowOnes(options_.clock->Monotonic());
  ReleaseHeld(options_.clock->Monotonic());
  if (options_.clock->Monotonic() < watch_due_) return;
  watch_due_ = options_.clock->Monotonic() + kWatchSeconds;
  if (coordinator_ != nullptr)
    watchers_.Update([this](std::int64_t sweep) { return coordinator_->Status(sweep, Time()); });
}

void Core::Handle(std::deque<Event>& events) {
  if (coordinator_ == nullptr) Recover();
  std::vector<Done> done;
  schedule::Effects effects;
  for (std::size_t count = 0; count < kMostEventsACommit && !events.empty(); ++count) {
    Event event = std::move(events.front());
    events.pop_front();
    if (event.action && coordinator_ != nullptr) event.action(*coordinator_, Time(), effects);
    if (event.done) done.push_back(std::move(event.done));
  }
  if (coordinator_ != nullptr && options_.clock->Monotonic() >= tick_due_) {
    coordinator_->Tick(Time(), effects);
    tick_due_ = options_.clock->Monotonic() + options_.settings.TickSeconds();
  }
  absl::Status committed = broken_;
  if (coordinator_ != nullptr) committed = Commit(effects);
  if (committed.ok()) {
    Deliver(effects);
  } else {
    if (coordinator_ != nullptr) Break(committed);
    tick_due_ = retry_at_;
    committed = absl::UnavailableError(
        fmt::format("the coordinator cannot store anything now: {}", std::string(committed.message())));
  }
  for (const Done& release : done) release(committed);
}

absl::Status Core::Commit(const schedule::Effects& effects) {
  if (effects.changes.empty()) return absl::OkStatus();
  const double began = options_.clock->Monotonic();
  absl::Status applied = store_->Apply(effects.changes);
  if (!applied.ok()) {
    ++figures_.failed_commits;
    return applied;
  }
  figures_.commits.Add(options_.clock->Monotonic() - began);
  Count(effects);
  if (retry_after_ > 0) {
    retry_after_ = 0;
    spdlog::info("storing works again");
  }
  return applied;
}

void Core::Count(const schedule::Effects& effects) {
  for (const schedule::Change& change : effects.changes) {
    if (const auto* windows = std::get_if<schedule::AppendWindows>(&change))
      figures_.windows += windows->windows.size();
    const auto* job = std::get_if<schedule::PutJob>(&change);
    if (job != nullptr && job->job.state == v1::JOB_STATE_ENDED) ++figures_.jobs_ended;
  }
}

void Core::SetStoring(bool storing) {
  if (figures_.storing.exchange(storing) != storing && options_.on_storing) options_.on_storing(storing);
}

void Core::Deliver(schedule::Effects& effects) {
  for (const schedule::LogEntry& entry : effects.log) LogLine(entry.level, entry.text, entry.fields);
  for (auto& action : effects.outgoing) {
    if (auto* send = std::get_if<schedule::Send>(&action)) {
      const auto outlet = outlets_.find(send->session);
      if (outlet != outlets_.end()) outlet->second->Send(std::move(send->message));
    } else {
      const auto& close = std::get<schedule::Close>(action);
      CloseOutlet(close.session, close.reason);
    }
  }
  for (const v1::SweepStatus& status : effects.ended) watchers_.End(status);
}

void Core::CloseOutlet(schedule::SessionId session, const absl::Status& reason) {
  const auto outlet = outlets_.find(session);
  if (outlet == outlets_.end()) return;
  outlet->second->Close(reason);
  closing_.push_back({.outlet = outlet->second, .deadline = options_.clock->Monotonic() + kCloseSeconds});
  outlets_.erase(outlet);
}

void Core::CutSlowOnes(double now) {
  while (!closing_.empty() && now >= closing_.front().deadline) {
    closing_.front().outlet->Cut();
    closing_.pop_front();
  }
}

void Core::ReleaseHeld(double now) {
  while (!held_.empty() && held_.begin()->first <= now) held_.extract(held_.begin()).mapped()(absl::OkStatus());
}

void Core::Refused(const char* reason) {
  const std::lock_guard lock(refused_mutex_);
  ++refused_[reason];
}

std::map<std::string, std::uint64_t> Core::refused() const {
  const std::lock_guard lock(refused_mutex_);
  return refused_;
}

absl::Status Core::MakeCoordinator() {
  auto snapshot = store_->Load();
  if (!snapshot.ok()) return snapshot.status();
  schedule::Effects effects;
  // Shows whether the disk takes anything again, before agents are let in: one record is written as it is.
  if (!snapshot->tokens.empty()) effects.changes.push_back(schedule::PutToken{snapshot->tokens.front()});
  auto coordinator = std::make_unique<schedule::Coordinator>(options_.settings, options_.random);
  coordinator->Load(*std::move(snapshot), Time(), effects);
  coordinator->Recall(newest_);
  if (auto committed = Commit(effects); !committed.ok()) return committed;
  coordinator_ = std::move(coordinator);
  broken_ = absl::OkStatus();
  SetStoring(true);
  Deliver(effects);
  return absl::OkStatus();
}

void Core::Break(const absl::Status& reason) {
  if (coordinator_ != nullptr) {
    newest_ = coordinator_->NewestProcesses();
    const std::lock_guard lock(refused_mutex_);  // the next one counts from 0
    for (const auto& [why, count] : coordinator_->rejected()) refused_[why] += count;
  }
  coordinator_.reset();
  broken_ = reason;
  SetStoring(false);
  retry_after_ = std::clamp(2 * retry_after_, 0.2, 5.0);
  const double now = options_.clock->Monotonic();
  retry_at_ = now + retry_after_;
  if (complained_at_ == 0 || now - complained_at_ >= 30) {
    spdlog::error("cannot store: {}; streams are closed, agents keep what is not stored, and it is tried again",
                  std::string(reason.message()));
    complained_at_ = now;
  }
  CloseStreams(absl::UnavailableError("the coordinator cannot store anything now; try again later"));
}

void Core::Recover() {
  if (options_.clock->Monotonic() < retry_at_) return;
  if (auto made = MakeCoordinator(); !made.ok()) Break(made);
}

void Core::CloseStreams(const absl::Status& reason) {
  std::vector<schedule::SessionId> sessions;
  for (const auto& [session, outlet] : outlets_) sessions.push_back(session);
  for (const schedule::SessionId session : sessions) CloseOutlet(session, reason);
  watchers_.CloseAll(reason);
}

}  // namespace rsg::server
