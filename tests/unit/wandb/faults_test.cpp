// Many runs while a fifth of all requests fail in some way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "fake_wandb.hpp"
#include "samples.hpp"

namespace rsg::wandb {
namespace {

using nlohmann::json;

#ifdef RSG_SANITIZED
constexpr std::int64_t kJobs = 150;  // they are slow
#else
constexpr std::int64_t kJobs = 2000;
#endif
constexpr std::uint32_t kWindows = 50;

TEST(Faults, EveryLineOfManyJobsArrivesOnceAndWithFewRequests) {
  TestClock clock;
  FakeWandb wandb(&clock);
  wandb.FailAtRandom(0.2, 17);
  MemoryOutbox outbox;
  for (std::int64_t job = 1; job <= kJobs; ++job) {
    store::RunContent run = RunOf(job);
    if (job % 7 == 0) AddAttempt(&run, static_cast<std::uint32_t>(1 + job % 5), v1::OUTCOME_FAILED);
    AddAttempt(&run, kWindows, job % 10 == 0 ? v1::OUTCOME_OUT_OF_MEMORY : v1::OUTCOME_COMPLETED);
    outbox.Put(run);
  }
  Forwarder::Options options;
  options.target.project = "p";
  options.board = 128;
  Forwarder forwarder(options, &outbox, &wandb, &clock);
  for (int minute = 0; minute < 120 && !outbox.AllDone(); ++minute) RunFor(&forwarder, &clock, 60);
  ASSERT_TRUE(outbox.AllDone());

  EXPECT_THAT(wandb.violations(), testing::ElementsAre());
  ASSERT_EQ(wandb.runs().size(), std::size_t{kJobs});
  for (std::int64_t job = 1; job <= kJobs; ++job) {
    const auto content = outbox.Content({3, job}, {});
    const FakeWandb::Run& run = wandb.runs().at("s3-" + std::to_string(job) + "-abc");
    const bool failed = job % 10 == 0;
    ASSERT_EQ(run.history.size(), History(*content).lines()) << job;
    ASSERT_EQ(json::parse(run.history.back())["outcome"], failed ? "OUT_OF_MEMORY" : "COMPLETED") << job;
    ASSERT_EQ(run.state, failed ? "failed" : "finished") << job;
    ASSERT_EQ(run.summary.contains("throughput"), !failed) << job;
  }

  // Known, filled and ended, read back; after a lost summary mended and read back once more.
  const std::uint64_t needed = 3 * kJobs + 2 * wandb.lost_summaries();
  const std::uint64_t necessary = needed + wandb.faults();
  std::cout << wandb.requests() << " requests, " << needed << " needed, " << wandb.faults()
            << " repeated after faults, " << wandb.limited() << " refused by the limits of requests\n";
  EXPECT_GT(wandb.faults(), necessary / 10);
  EXPECT_EQ(wandb.limited(), 0U);
  EXPECT_LE(static_cast<double>(wandb.requests()), 1.3 * static_cast<double>(necessary));
}

}  // namespace
}  // namespace rsg::wandb
