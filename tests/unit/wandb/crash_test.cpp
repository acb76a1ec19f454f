// kill -9 between each pair of steps of the forwarder, over a real database: the next coordinator goes on from what is
// stored, and in the end all is as if nothing had happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_wandb.hpp"
#include "fixture.hpp"

namespace rsg::wandb {
namespace {

using nlohmann::json;
using namespace rsg::schedule;
using rsg::store::Changes;

struct Killed {};

/// Counts what touches the world, and dies before or after the one that is asked for.
class Death {
 public:
  explicit Death(int at) : at_(at) {}
  template <typename Touch>
  auto Around(Touch touch) {
    if (count_++ == at_) throw Killed();
    auto result = touch();
    if (count_++ == at_) throw Killed();
    return result;
  }
  int count() const { return count_; }

 private:
  const int at_;
  int count_ = 0;
};

class MortalOutbox final : public Outbox {
 public:
  MortalOutbox(store::Store* store, store::OutboxReader* reader, Death* death)
      : store_(store), reader_(reader), death_(death) {}
  absl::StatusOr<std::vector<store::UnsentRun>> Unsent(std::uint32_t limit) override { return reader_->Unsent(limit); }
  absl::StatusOr<std::optional<store::UnsentRun>> Find(const JobKey& job, const WandbTarget& target) override {
    return reader_->Find(job, target);
  }
  absl::StatusOr<store::RunContent> Content(const JobKey& job, const WandbTarget& target) override {
    return reader_->Content(job, target);
  }
  absl::StatusOr<std::vector<v1::Window>> Windows(const AttemptKey& attempt, std::uint32_t first,
                                                  std::uint32_t limit) override {
    return reader_->Windows(attempt, first, limit);
  }
  absl::Status Advance(const WandbRun& run) override {
    return death_->Around([&] { return store_->Apply(Changes{AdvanceWandbRun{run, 1700000100}}); });
  }

 private:
  store::Store* const store_;
  store::OutboxReader* const reader_;
  Death* const death_;
};

class MortalTransport final : public Transport {
 public:
  MortalTransport(FakeWandb* wandb, Death* death) : wandb_(wandb), death_(death) {}
  HttpAnswer Send(const HttpRequest& request) override {
    return death_->Around([&] { return wandb_->Send(request); });
  }

 private:
  FakeWandb* const wandb_;
  Death* const death_;
};

class CrashTest : public store::StoreTest {
 protected:
  /// A job that failed once and then was measured, one that ran out of memory, one that never was tried.
  void Fill(store::Store* store) {
    store->ForwardNewJobs(WandbTarget{});
    const auto apply = [&](const Changes& changes) {
      const absl::Status applied = store->Apply(changes);
      ASSERT_TRUE(applied.ok()) << applied;
    };
    apply(store::BaseChanges());
    const AttemptKey first{{1, 1}, 1};
    const AttemptKey second{{1, 1}, 2};
    apply({StartAttempt{first, store::kLease, 1700000002}, AppendWindows{first, store::kLease, store::WindowsOf(1, 3)},
           store::EndOf(first, v1::OUTCOME_FAILED), InsertAttempt{store::AttemptOf(second)},
           StartAttempt{second, store::kLease, 1700000050},
           AppendWindows{second, store::kLease, store::WindowsOf(1, 4)},
           store::EndOf(second, v1::OUTCOME_COMPLETED, store::ResultOf(500)),
           PutJob{store::EndedJob(store::JobOf(1, 1), v1::OUTCOME_COMPLETED)}});
    const AttemptKey third{{1, 2}, 1};
    apply({InsertAttempt{store::AttemptOf(third)}, store::EndOf(third, v1::OUTCOME_OUT_OF_MEMORY),
           PutJob{store::EndedJob(store::JobOf(1, 2), v1::OUTCOME_OUT_OF_MEMORY)},
           PutJob{store::EndedJob(store::JobOf(1, 3), v1::OUTCOME_SKIPPED)}});
  }

  /// One life of a coordinator; false when it was killed. `steps`: how often it touched the world.
  bool Live(FakeWandb* wandb, TestClock* clock, int die_at, int* steps) {
    auto store = OpenStore();
    store->ForwardNewJobs(WandbTarget{});
    auto reader = store::OutboxReader::Open(database_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    Death death(die_at);
    MortalOutbox outbox(store.get(), reader->get(), &death);
    MortalTransport transport(wandb, &death);
    Forwarder::Options options;
    options.target.project = "p";
    options.pace.most_lines = 3;
    Forwarder forwarder(options, &outbox, &transport, clock);
    try {
      for (int i = 0; i < 2000 && AskOne("SELECT COUNT(*) FROM wandb_runs WHERE phase <> 'DONE'") != "0"; ++i)
        clock->Advance(std::max(forwarder.Run(), 1e-3));
    } catch (const Killed&) {
      return false;
    }
    *steps = death.count();
    return true;
  }

  void ExpectWhole(FakeWandb& wandb, int death) {
    EXPECT_THAT(wandb.violations(), testing::ElementsAre()) << "killed at " << death;
    ASSERT_EQ(wandb.runs().size(), 2U) << "killed at " << death;
    const auto& failed = std::next(wandb.runs().begin(), 1)->second;
    const auto& measured = wandb.runs().begin()->second;
    ASSERT_EQ(measured.history.size(), 1U + 3 + 1 + 4 + 1) << "killed at " << death;
    for (std::size_t i = 0; i < measured.history.size(); ++i)
      EXPECT_EQ(json::parse(measured.history[i])["_step"], i) << "killed at " << death;
    EXPECT_EQ(json::parse(measured.history[4])["outcome"], "FAILED");
    EXPECT_EQ(measured.state, "finished") << "killed at " << death;
    EXPECT_EQ(measured.summary["samples_per_second"], 500.0) << "killed at " << death;
    EXPECT_EQ(failed.history.size(), 2U) << "killed at " << death;
    EXPECT_EQ(failed.state, "failed") << "killed at " << death;
  }
};

TEST_F(CrashTest, KillNineBetweenEachPairOfStepsLosesAndRepeatsNothing) {
  int steps = 0;
  {
    TestClock clock;
    FakeWandb wandb(&clock);
    Fill(OpenStore().get());
    std::filesystem::copy_file(database_, folder_ / "begun.db");
    ASSERT_TRUE(Live(&wandb, &clock, -1, &steps));
    ExpectWhole(wandb, -1);
  }
  ASSERT_GT(steps, 20);
  for (int death = 0; death < steps; ++death) {
    std::filesystem::copy_file(folder_ / "begun.db", database_, std::filesystem::copy_options::overwrite_existing);
    TestClock clock;
    FakeWandb wandb(&clock);
    int ignored = 0;
    EXPECT_FALSE(Live(&wandb, &clock, death, &ignored));
    ASSERT_TRUE(Live(&wandb, &clock, -1, &ignored)) << "killed at " << death;
    ExpectWhole(wandb, death);
  }
}

}  // namespace
}  // namespace rsg::wandb
