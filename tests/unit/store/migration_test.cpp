// A database that an earlier version has made is brought up to date, and nothing in it is lost.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "common/json.hpp"
#include "coordinator/store/schema.hpp"
#include "fixture.hpp"
#include "schema_1.hpp"

namespace rsg::store {
namespace {

using namespace schedule;
using testing::ElementsAre;

class MigrationTest : public StoreTest {
 protected:
  void Execute(const std::string& sql) {
    auto connection = Connection::Open(database_, Connection::Access::kWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    const auto done = connection->Execute(sql, "prepare the test");
    ASSERT_TRUE(done.ok()) << done;
  }

  /// A database of version 1 with a measured job, a pruned one, and one in hand, as that version wrote them.
  void MakeVersion1() {
    Execute(kSchema1);
    Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = 1"));
    v1::SweepSpec spec = SweepOf(1).spec;
    spec.set_name("old");
    const std::string cell = ToJson(JobOf(1, 1).cell);
    v1::Result result;
    result.set_throughput(512.5);
    result.set_window_cv(0.01);
    Execute(absl::StrCat(R"sql(
PRAGMA foreign_keys = ON;
INSERT INTO tokens VALUES ('t-1', 'hash of token', 63, 1800000000.25, 0);
INSERT INTO agents VALUES ('a-1', 'box', 'hash of credential', 't-1', 'instance 1', '0.1.0', 0, 1.7e9, 1.7e9, '{}');
INSERT INTO sweeps VALUES (1, 'request 1', 'old', 'RUNNING', 'gpu', 1.7e9, NULL, ')sql",
                         ToJson(spec), R"sql(');
INSERT INTO jobs VALUES
  (1, 1, 'resnet50', 64, 224, 'fp32-strict', 'nhwc', 'standard', 1, 'GPU-1', 'NVIDIA GeForce RTX 3090', 'm-1', 'ENDED', 'COMPLETED',
   '', 1, 0, 0, 1700000041.5, ')sql",
                         cell, R"sql('),
  (1, 2, 'resnet50', 128, 224, 'fp32-strict', 'nhwc', 'standard', 1, 'GPU-1', 'NVIDIA GeForce RTX 3090', 'm-1', 'ENDED', 'SKIPPED',
   's1.9 ran out of memory', 0, 0, 0, 1700000042.5, ')sql",
                         cell, R"sql('),
  (1, 3, 'resnet50', 32, 224, 'fp32-strict', 'nhwc', 'standard', 1, 'GPU-1', 'NVIDIA GeForce RTX 3090', 'm-1', 'RUNNING', NULL,
   '', 1, 0, 0, NULL, ')sql",
                         cell, R"sql(');
INSERT INTO attempts VALUES
  (1, 1, 1, ')sql",
                         kLease,
                         R"sql(', 'a-1', 'instance 1', 'ENDED', 'COMPLETED', 2, 1.7e9, 1.7e9, 1.7e9, 33.5, '', ''),
  (1, 3, 1, ')sql",
                         kLease, R"sql(', 'a-1', 'instance 1', 'RUNNING', NULL, 1, 1.7e9, 1.7e9, NULL, 0, '', '');
INSERT INTO windows VALUES (1, 1, 1, 1, 4, 256, 0.5, 0.51, 0, 1), (1, 1, 1, 2, 4, 256, 0.5, 0.51, 0.5, 0),
  (1, 3, 1, 1, 4, 128, 0.25, 0.26, 0, 0);
INSERT INTO results VALUES
  (1, 1, 1, 512.5, 60, 240, 15360, 29.97, 30, 3, 0.01, 'SECONDS', 7000, NULL, '0.1.0', '2.11.0', '13.0', '9.1', ')sql",
                         ToJson(result), "');"));
  }
};

TEST_F(MigrationTest, ReleasedStepsAreNeverChanged) { EXPECT_STREQ(Migrations()[0], kSchema1); }

TEST_F(MigrationTest, WhatVersion1HasStoredIsAllThere) {
  MakeVersion1();
  auto store = OpenStore();
  EXPECT_EQ(AskOne("PRAGMA user_version"), absl::StrCat(Migrations().size()));
  EXPECT_EQ(AskOne("PRAGMA foreign_key_check"), "no row");
  EXPECT_EQ(AskOne("PRAGMA integrity_check"), "ok");

  EXPECT_THAT(Ask("SELECT job_id, outcome, reason, throughput, ci_low, ci_high, half_width_percent, verdict, evidence, "
                  "stop_reason, stack_key, role FROM v_results"),
              ElementsAre("s1.1|COMPLETED||512.5|NULL|NULL|NULL|NULL|NULL|SECONDS|NULL|MEASUREMENT",
                          "s1.2|SKIPPED|s1.9 ran out of memory|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|MEASUREMENT"));
  EXPECT_EQ(AskOne("SELECT job_id FROM v_best"), "s1.1");
  EXPECT_EQ(AskOne("SELECT COUNT(*) FROM v_control"), "0");
  EXPECT_EQ(AskOne("SELECT COUNT(*), SUM(samples), COUNT(readings), COUNT(drained_share) FROM windows"), "3|640|0|0");

  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->jobs.size(), 3U);
  for (const JobRecord& job : loaded->jobs) EXPECT_EQ(job.role, v1::ROLE_MEASUREMENT);
  ASSERT_EQ(loaded->sweeps.size(), 1U);
  EXPECT_FALSE(loaded->sweeps[0].spec.control()) << "a sweep that was submitted without control cells stays so";
  const auto page = OpenReader()->ResultsPage({}, {}, 10);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->rows.size(), 2U);
  EXPECT_EQ(page->rows[0].result().throughput(), 512.5);
  EXPECT_FALSE(page->rows[0].job().has_ci_low());
}

TEST_F(MigrationTest, WorkGoesOnAfterIt) {
  MakeVersion1();
  auto store = OpenStore();
  const AttemptKey key{{1, 3}, 1};
  auto windows = WindowsOf(2, 3);
  windows[0].mutable_telemetry()->set_sm_clock_mhz(1350);
  for (v1::Window& window : windows) window.set_seconds((640 / 600.0 - 0.25) / 2);
  v1::Result result = ResultOf(600);
  result.set_windows(3);
  result.set_steps(12);
  result.set_samples(640);
  result.set_seconds(640 / 600.0);
  auto ended = EndedJob(JobOf(1, 3), v1::OUTCOME_COMPLETED);
  ended.attempts = 1;
  ASSERT_TRUE(store
                  ->Apply(Changes{AppendWindows{key, kLease, windows}, EndOf(key, v1::OUTCOME_COMPLETED, result),
                                  PutJob{ended}})
                  .ok());
  auto control = JobOf(1, 4);
  control.role = v1::ROLE_CONTROL;
  ASSERT_TRUE(store->Apply(CompletedJob(control, 900)).ok());
  EXPECT_EQ(AskOne("SELECT job_id, throughput, ci_low, round(half_width_percent, 9), verdict FROM v_best"),
            "s1.3|600.0|594.0|1.0|VALID");
  EXPECT_EQ(AskOne("SELECT start_job_id, start_throughput FROM v_control WHERE start_outcome = 'COMPLETED'"), "no row")
      << "this one is neither the start's nor the end's";
  EXPECT_EQ(AskOne("SELECT sequence FROM windows WHERE sm_clock_mhz = 1350"), "2");
}

// Opened by this version's reader alone, it is neither read wrong nor changed.
TEST_F(MigrationTest, ReadersSayThatItMustBeBroughtUpToDate) {
  MakeVersion1();
  const auto reader = Reader::Open(database_);
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kFailedPrecondition) << reader.status();
  EXPECT_NE(reader.status().ToString().find("rsg serve"), std::string::npos) << reader.status();
  EXPECT_EQ(AskOne("PRAGMA user_version"), "1");
}

}  // namespace
}  // namespace rsg::store
