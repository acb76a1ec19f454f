// Databases as each earlier version has left them (fixtures/), opened by this one.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "common/files.hpp"
#include "coordinator/store/schema.hpp"
#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;
using testing::ElementsAreArray;

class Upgrade : public StoreTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    const auto sql = ReadFile(absl::StrCat(RSG_FIXTURES, "/schema_", GetParam(), ".sql"));
    ASSERT_TRUE(sql.ok()) << sql.status();
    auto connection = Connection::Open(database_, Connection::Access::kWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    const auto made = connection->Execute(*sql, "make it");
    ASSERT_TRUE(made.ok()) << made;
  }
  bool HasControl() const { return GetParam() >= 2; }
  bool HasScript() const { return GetParam() >= 3; }
};

TEST_P(Upgrade, ViewsShowWhatWasStored) {
  ASSERT_TRUE(OpenStore());
  EXPECT_EQ(AskOne("PRAGMA user_version"), absl::StrCat(Migrations().size()));
  EXPECT_EQ(AskOne("PRAGMA foreign_key_check"), "no row");
  EXPECT_EQ(AskOne("PRAGMA integrity_check"), "ok");
  std::vector<std::string> results{"s1.1|box|COMPLETED|1024.0", "s1.2|box|COMPLETED|1280.0",
                                   "s1.3|box|OUT_OF_MEMORY|NULL", "s1.4|NULL|SKIPPED|NULL"};
  std::vector<std::string> best{"s1.2"};
  if (HasScript()) {
    results.push_back("s1.7|box|COMPLETED|2048.0");
    best.push_back("s1.7");
  }
  EXPECT_THAT(Ask("SELECT job_id, agent, outcome, throughput FROM v_results ORDER BY job"), ElementsAreArray(results));
  EXPECT_THAT(Ask("SELECT job_id FROM v_best ORDER BY job"), ElementsAreArray(best));
  EXPECT_EQ(AskOne("SELECT start_job_id, end_job_id, drift_percent FROM v_control"),
            HasControl() ? "s1.5|s1.6|-50.0" : "no row");
  EXPECT_EQ(AskOne("SELECT count(*) FROM v_results WHERE taints IS NOT NULL"), "0");
  EXPECT_EQ(AskOne("SELECT verdict, half_width_percent FROM v_results WHERE job = 1"),
            HasControl() ? "VALID|1.0" : "NULL|NULL");
}

TEST_P(Upgrade, SlotsGivenAwayAreKnownToEarlierVersionsByTheirJobsReason) {
  auto connection = Connection::Open(database_, Connection::Access::kWrite);
  ASSERT_TRUE(connection.ok()) << connection.status();
  const auto given = connection->Execute(
      GetParam() >= 6 ? "UPDATE jobs SET gave_slot_away = 1 WHERE sweep = 1 AND job = 4"
                      : "UPDATE jobs SET reason = 'its slot went to agent two (a-2) after 10 min without contact' "
                        "WHERE sweep = 1 AND job IN (3, 4)",
      "give a slot away");
  ASSERT_TRUE(given.ok()) << given;
  ASSERT_TRUE(OpenStore());
  EXPECT_EQ(AskOne("SELECT job, outcome FROM jobs WHERE gave_slot_away"), "4|SKIPPED") << "job 3 ended otherwise";
}

TEST_P(Upgrade, ReaderPagesThroughIt) {
  ASSERT_TRUE(OpenStore());
  const auto reader = OpenReader();
  const auto sweeps = reader->ListSweeps(10);
  ASSERT_TRUE(sweeps.ok()) << sweeps.status();
  ASSERT_EQ(sweeps->size(), 2U);
  EXPECT_EQ(sweeps->at(0).state(), v1::SWEEP_STATE_RUNNING);
  EXPECT_EQ(sweeps->at(1).state(), v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(sweeps->at(1).spec().control(), HasControl());
  EXPECT_EQ(sweeps->at(1).counts().completed(), HasScript() ? 3U : 2U);
  EXPECT_EQ(sweeps->at(1).counts().out_of_memory(), 1U);
  EXPECT_EQ(sweeps->at(1).counts().skipped(), 1U);
  const auto page = reader->ResultsPage({}, {}, 10);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->rows.size(), HasScript() ? 5U : 4U);
  EXPECT_EQ(page->rows[0].result().throughput(), 1024);
  EXPECT_EQ(page->rows[0].result().stack().torch_version(), "2.11.0");
  EXPECT_EQ(page->rows[3].job().reason(), "s1.3 ran out of memory at batch size 256");
}

TEST_P(Upgrade, SweepInHandGoesOn) {
  const auto store = OpenStore();
  ASSERT_TRUE(store);
  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->last_sweep, 2);
  ASSERT_EQ(loaded->attempts.size(), 1U);
  EXPECT_EQ(loaded->attempts[0].last_sequence, 2U);
  ASSERT_EQ(loaded->agents.size(), 1U);
  EXPECT_FALSE(loaded->agents[0].revoked);
  EXPECT_EQ(loaded->agents[0].machine.devices(0).kind(), v1::DEVICE_KIND_GPU);

  const AttemptKey key{{2, 1}, 1};
  auto ended = EndedJob(JobOf(2, 1), v1::OUTCOME_COMPLETED);
  ended.attempts = 1;
  const auto stored = store->Apply(Changes{AppendWindows{key, kLease, WindowsOf(3, 60)},
                                           EndOf(key, v1::OUTCOME_COMPLETED, ResultOf(700)), PutJob{ended}});
  ASSERT_TRUE(stored.ok()) << stored;
  EXPECT_EQ(AskOne("SELECT throughput, verdict, method_key FROM v_results WHERE sweep = 2"),
            "700.0|VALID|1111111111111111");
  EXPECT_EQ(AskOne("SELECT count(*), min(sequence), max(sequence) FROM windows WHERE sweep = 2"), "60|1|60");
  ASSERT_TRUE(store->Apply(CompletedJob(JobOf(2, 3), 800)).ok());
}

INSTANTIATE_TEST_SUITE_P(From, Upgrade, testing::Range(1, 7));

TEST(UpgradeFixtures, ThereIsOneOfEachEarlierVersion) {
  for (std::size_t version = 1; version < Migrations().size(); ++version)
    EXPECT_TRUE(std::filesystem::exists(absl::StrCat(RSG_FIXTURES, "/schema_", version, ".sql"))) << version;
}

}  // namespace
}  // namespace rsg::store
