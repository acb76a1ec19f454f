// The forwarder's thread over HTTP against the stand-in of W&B's server.
#include "coordinator/wandb/service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "samples.hpp"
#include "standin_process.hpp"

namespace rsg::wandb {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using testing::HasSubstr;

/// The memory's outbox for two threads: the service's and the test's.
class SharedOutbox final : public Outbox {
 public:
  explicit SharedOutbox(std::int64_t jobs) {
    for (std::int64_t job = 1; job <= jobs; ++job) {
      store::RunContent run = RunOf(job);
      AddAttempt(&run, 5, v1::OUTCOME_COMPLETED);
      outbox_.Put(run);
    }
  }
  absl::StatusOr<std::vector<store::UnsentRun>> Unsent(std::uint32_t limit) override {
    const std::lock_guard lock(mutex_);
    return outbox_.Unsent(limit);
  }
  absl::StatusOr<std::optional<store::UnsentRun>> Find(const schedule::JobKey& job,
                                                       const schedule::WandbTarget& target) override {
    const std::lock_guard lock(mutex_);
    return outbox_.Find(job, target);
  }
  absl::StatusOr<store::RunContent> Content(const schedule::JobKey& job, const schedule::WandbTarget& target) override {
    const std::lock_guard lock(mutex_);
    return outbox_.Content(job, target);
  }
  absl::StatusOr<std::vector<v1::Window>> Windows(const schedule::AttemptKey& attempt, std::uint32_t first,
                                                  std::uint32_t limit) override {
    return outbox_.Windows(attempt, first, limit);
  }
  absl::Status Advance(const schedule::WandbRun& run) override {
    const std::lock_guard lock(mutex_);
    return outbox_.Advance(run);
  }
  bool AllDone() {
    const std::lock_guard lock(mutex_);
    return outbox_.AllDone();
  }

 private:
  std::mutex mutex_;
  MemoryOutbox outbox_;
};

bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 400; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(25ms);
  }
  return false;
}

class ServiceTest : public testing::Test {
 protected:
  void Start(const std::string& url, std::int64_t jobs = 1, const std::string& key = StandinProcess::Key(),
             const std::string& key_again = "") {
    auto outbox = std::make_unique<SharedOutbox>(jobs);
    outbox_ = outbox.get();
    Settings settings;
    settings.base_url = url;
    settings.key = key;
    settings.key_again = [key_again]() -> absl::StatusOr<std::string> { return key_again; };
    Pace pace;
    pace.request_gap = 0.02;
    pace.verify_delay = 0.02;
    pace.first_backoff = 0.05;
    pace.last_backoff = 0.3;
    auto service = Service::Start(settings, std::move(outbox), &SystemClock(), pace);
    ASSERT_TRUE(service.ok()) << service.status();
    service_ = *std::move(service);
  }
  bool Done() {
    return Eventually([this] { return outbox_->AllDone(); });
  }
  static void ExpectWhole(StandinProcess& standin, std::int64_t jobs) {
    const json state = standin.Get("state");
    EXPECT_EQ(state["violations"], json::array());
    EXPECT_EQ(state["runs"].size(), static_cast<std::size_t>(jobs));
    for (const json& run : state["runs"]) {
      EXPECT_EQ(run["state"], "finished");
      EXPECT_EQ(run["history"].size(), 7U);
      EXPECT_TRUE(run["summary"]["throughput"].is_number_float());
      EXPECT_EQ(run["summary"]["throughput"], 100.0);
      EXPECT_EQ(run["config"]["bs"]["value"], 256);
      EXPECT_EQ(run["displayName"], "RTX 3090 · resnet50 · bs 256 · fp16");
      EXPECT_EQ(run["entity"], "standin-team");
    }
  }

  SharedOutbox* outbox_ = nullptr;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, RunsStandInWandbAsTheyShould) {
  StandinProcess standin;
  Start(standin.url(), 3);
  ASSERT_TRUE(Done()) << service_->status().last_error;
  ExpectWhole(standin, 3);
  EXPECT_EQ(service_->status().last_error, "");
}

TEST_F(ServiceTest, BrokenConnectionsAndErrorsChangeNothing) {
  StandinProcess standin;
  standin.Set({{"retry_after", 1},
               {"next",
                {"drop_before@graphql:UpsertBucket", "errors@graphql:UpsertBucket", "429@file_stream",
                 "drop_after@complete", "500@graphql:Run", "summary_lost@complete"}}});
  Start(standin.url(), 2);
  ASSERT_TRUE(Done()) << service_->status().last_error;
  ExpectWhole(standin, 2);
}

TEST_F(ServiceTest, AWrongKeyPausesAndIsNowhereShown) {
  StandinProcess standin;
  Start(standin.url(), 1, "another-key-that-is-secret");
  ASSERT_TRUE(Eventually([this] { return service_->status().paused; }));
  EXPECT_THAT(service_->status().last_error, HasSubstr("does not know the key"));
  EXPECT_THAT(service_->status().last_error, testing::Not(HasSubstr("secret")));
  EXPECT_EQ(service_->status().requests, 1U);
}

TEST_F(ServiceTest, RetryTakesTheKeyThatIsThereByThen) {
  StandinProcess standin;
  Start(standin.url(), 1, "another-key", StandinProcess::Key());
  ASSERT_TRUE(Eventually([this] { return service_->status().paused; }));
  service_->Retry();
  ASSERT_TRUE(Done()) << service_->status().last_error;
}

TEST_F(ServiceTest, RetryGoesOnAfterAPause) {
  StandinProcess standin;
  standin.Set({{"deny", 403}});
  Start(standin.url());
  ASSERT_TRUE(Eventually([this] { return service_->status().paused; }));
  standin.Set({{"deny", 0}});
  service_->Retry();
  ASSERT_TRUE(Done()) << service_->status().last_error;
  ExpectWhole(standin, 1);
}

TEST_F(ServiceTest, EverythingArrivesWhenWandbIsThereAgain) {
  int port = 0;
  std::string url;
  {
    const StandinProcess standin;
    port = standin.port();
    url = standin.url();
  }
  Start(url, 3);
  ASSERT_TRUE(Eventually([this] { return service_->status().requests >= 2; }));
  EXPECT_THAT(service_->status().last_error, HasSubstr("no answer from"));
  StandinProcess standin(port);
  ASSERT_TRUE(Done()) << service_->status().last_error;
  ExpectWhole(standin, 3);
}

TEST_F(ServiceTest, EndsSoonWhileWandbIsSlow) {
  StandinProcess standin;
  standin.Set({{"slow", 1.0}, {"slow_seconds", 8}});
  Start(standin.url());
  ASSERT_TRUE(Eventually([&] { return !standin.Get("state")["requests"].empty(); }));
  const auto before = std::chrono::steady_clock::now();
  service_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  standin.Set({{"slow", 0.0}});
}

}  // namespace
}  // namespace rsg::wandb
