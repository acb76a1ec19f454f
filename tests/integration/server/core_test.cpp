// The core's thread without gRPC: commits before anything is let out, and survives a disk that takes nothing.
#include <gmock/gmock.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "common/secret.hpp"
#include "coordinator/server/core.hpp"
#include "coordinator/store/reader.hpp"
#include "folder.hpp"
#include "full_disk.hpp"
#include "messages.hpp"

namespace rsg::server {
namespace {

using namespace std::chrono_literals;

// The agent's end of a stream, in memory.
class Inbox final : public Outlet {
 public:
  void Send(v1::CoordinatorMessage message) override {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    changed_.notify_all();
  }
  void Close(const absl::Status& reason) override {
    const std::lock_guard lock(mutex_);
    closed_ = reason;
    changed_.notify_all();
  }
  void Cut() override {}

  /// The next message that `wanted` takes; others before it are dropped, but for jobs handed out ahead.
  template <typename Wanted>
  std::optional<v1::CoordinatorMessage> Next(Wanted wanted) {
    std::unique_lock lock(mutex_);
    std::optional<v1::CoordinatorMessage> found;
    changed_.wait_for(lock, 10s, [&] {
      for (auto at = messages_.begin(); !found && at != messages_.end();) {
        if (wanted(*at)) found = *at;
        at = found || !at->has_assign() ? messages_.erase(at) : at + 1;
      }
      return found.has_value();
    });
    return found;
  }
  template <typename Wanted>
  bool Has(Wanted wanted) {
    const std::lock_guard lock(mutex_);
    return std::any_of(messages_.begin(), messages_.end(), wanted);
  }
  std::optional<absl::Status> WaitClosed() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return closed_.has_value(); });
    return closed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::CoordinatorMessage> messages_;
  std::optional<absl::Status> closed_;
};

class CoreTest : public testing::Test {
 protected:
  CoreTest() {
    Core::Options options;
    options.database = folder_.path() / "rsg.db";
    options.clock = &SystemClock();
    auto started = Core::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    core_ = *std::move(started);
  }

  absl::Status Enrol(const std::string& name) {
    absl::Status enrolled;
    const auto committed = core_->PostAndWait([&](auto& coordinator, const auto& now, auto& effects) {
      const auto token = coordinator.CreateToken({}, now, effects);
      v1::EnrollRequest request;
      request.set_join_token(token->secret);
      request.set_credential_sha256(Sha256Hex(name));
      request.set_name(name);
      enrolled = coordinator.Enroll(request, now, effects).status();
    });
    return committed.ok() ? enrolled : committed;
  }

  absl::Status ReceiveAndWait(schedule::SessionId session, v1::AgentMessage message) {
    std::promise<absl::Status> done;
    core_->Receive(session, std::move(message), [&](const absl::Status& status) { done.set_value(status); });
    return done.get_future().get();
  }

  schedule::SessionId Attach(const std::string& name, int number, const std::shared_ptr<Inbox>& inbox) {
    const schedule::SessionId session = core_->NewSession();
    core_->OpenSession(session, inbox, Sha256Hex(name), [](const absl::Status&) {});
    EXPECT_TRUE(ReceiveAndWait(session, MakeHello(name, number)).ok());
    return session;
  }

  void Submit(std::uint32_t batch_sizes) {
    EXPECT_TRUE(core_
                    ->PostAndWait([&](auto& coordinator, const auto& now, auto& effects) {
                      EXPECT_TRUE(coordinator.SubmitSweep(MakeSubmit("once", batch_sizes), now, effects).ok());
                    })
                    .ok());
  }

  Folder folder_;
  std::unique_ptr<Core> core_;
};

// What an agent does with all that it is given; returns how many jobs it completed.
int Work(Core* core, schedule::SessionId session, Inbox* inbox, store::Reader* reader, int jobs) {
  const auto say = [&](v1::AgentMessage message) { core->Receive(session, std::move(message), [](const auto&) {}); };
  int completed = 0;
  while (completed < jobs) {
    const auto assign = inbox->Next([](const auto& m) { return m.has_assign(); });
    if (!assign) break;
    say(MakeStarted(assign->assign()));
    say(MakeWindows(assign->assign(), 1, 5));
    const auto ack = inbox->Next([](const auto& m) { return m.has_ack() && m.ack().sequence() == 5; });
    if (!ack) break;
    // What is acknowledged can be read by another connection.
    const auto key = schedule::ParseAttemptId(assign->assign().attempt_id());
    const auto page = reader->JobsPage(key->job.sweep, key->job.job - 1, 1);
    EXPECT_TRUE(page.ok());
    EXPECT_EQ(page->jobs.at(0).windows_stored(), 5u);
    say(MakeFinished(assign->assign(), 5));
    const auto end = inbox->Next([](const auto& m) { return m.has_finished_ack(); });
    EXPECT_TRUE(end && end->finished_ack().accepted());
    ++completed;
  }
  return completed;
}

TEST_F(CoreTest, AcknowledgesOnlyWhatIsStoredForManyAgentsAtOnce) {
  constexpr int kAgents = 4;
  constexpr int kJobs = 6;
  std::vector<std::thread> threads;
  std::vector<int> completed(kAgents, 0);
  std::vector<std::shared_ptr<Inbox>> inboxes;
  std::vector<schedule::SessionId> sessions;
  for (int i = 0; i < kAgents; ++i) {
    const std::string name = "agent" + std::to_string(i);
    ASSERT_TRUE(Enrol(name).ok());
    inboxes.push_back(std::make_shared<Inbox>());
    sessions.push_back(Attach(name, i + 1, inboxes.back()));
  }
  Submit(kJobs);
  for (int i = 0; i < kAgents; ++i)
    threads.emplace_back([&, i] {
      const auto reader = store::Reader::Open(folder_.path() / "rsg.db");
      ASSERT_TRUE(reader.ok());
      completed[static_cast<std::size_t>(i)] = Work(core_.get(), sessions[static_cast<std::size_t>(i)],
                                                    inboxes[static_cast<std::size_t>(i)].get(), reader->get(), kJobs);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(completed, testing::Each(kJobs));
  core_->Stop();
  const auto reader = store::Reader::Open(folder_.path() / "rsg.db");
  const auto rows = (*reader)->ResultsPage({}, std::nullopt, 1000);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->rows.size(), std::size_t{kAgents * kJobs});
}

TEST_F(CoreTest, FullDiskLetsNothingOutAndIsRecoveredFrom) {
  ASSERT_TRUE(Enrol("one").ok());
  const auto inbox = std::make_shared<Inbox>();
  const schedule::SessionId session = Attach("one", 1, inbox);
  Submit(1);
  const auto assign = inbox->Next([](const auto& m) { return m.has_assign(); });
  ASSERT_TRUE(assign);
  {
    const FullDisk full;
    EXPECT_TRUE(absl::IsUnavailable(ReceiveAndWait(session, MakeWindows(assign->assign(), 1, 3))));
    ASSERT_TRUE(inbox->WaitClosed());
    EXPECT_TRUE(absl::IsUnavailable(*inbox->WaitClosed()));
    EXPECT_FALSE(inbox->Has([](const auto& m) { return m.has_ack(); }));
    EXPECT_TRUE(absl::IsUnavailable(Enrol("two")));
    EXPECT_FALSE(core_->figures().storing) << "what health and /healthz say";
    EXPECT_EQ(core_->figures().windows, 0u);
  }
  // There is room again: the agent comes back with what it has in hand, and nothing was lost or doubled.
  absl::Status enrolled;
  for (int i = 0; i < 100 && !(enrolled = Enrol("two")).ok(); ++i) std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(enrolled.ok()) << enrolled;
  EXPECT_TRUE(core_->figures().storing);
  EXPECT_GE(core_->figures().failed_commits, 1u);
  const auto again = std::make_shared<Inbox>();
  const schedule::SessionId next = core_->NewSession();
  core_->OpenSession(next, again, Sha256Hex("one"), [](const absl::Status&) {});
  v1::AgentMessage hello = MakeHello("one", 1);
  v1::AttemptInHand& in_hand = *hello.mutable_hello()->add_attempts();
  in_hand.set_attempt_id(assign->assign().attempt_id());
  in_hand.set_lease_token(assign->assign().lease_token());
  EXPECT_TRUE(ReceiveAndWait(next, hello).ok());
  const auto resumed = again->Next([](const auto& m) { return m.has_ack(); });
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->ack().sequence(), 0u);
  EXPECT_TRUE(ReceiveAndWait(next, MakeWindows(assign->assign(), 1, 3)).ok());
  EXPECT_EQ(again->Next([](const auto& m) { return m.has_ack(); })->ack().sequence(), 3u);
  EXPECT_EQ(core_->figures().windows, 3u);
}

TEST_F(CoreTest, StopClosesStreamsAndRefusesWhatComesLater) {
  ASSERT_TRUE(Enrol("one").ok());
  const auto inbox = std::make_shared<Inbox>();
  Attach("one", 1, inbox);
  core_->CloseAll();
  EXPECT_TRUE(absl::IsUnavailable(*inbox->WaitClosed()));
  absl::Status refused;
  core_->Post([](auto&, const auto&, auto&) {}, [&](const absl::Status& status) { refused = status; });
  EXPECT_TRUE(absl::IsUnavailable(refused));
}

}  // namespace
}  // namespace rsg::server
