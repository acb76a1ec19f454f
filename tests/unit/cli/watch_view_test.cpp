#include "coordinator/cli/watch_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/painter.hpp"

namespace rsg::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

v1::SweepStatus HalfWay() {
  v1::SweepStatus sweep;
  sweep.set_sweep_id("s3");
  sweep.mutable_spec()->set_name("first try");
  sweep.set_state(v1::SWEEP_STATE_RUNNING);
  sweep.set_submitted_unix_seconds(1000);
  sweep.set_cells(6);
  sweep.set_devices(2);
  v1::JobCounts* counts = sweep.mutable_counts();
  counts->set_total(12);
  counts->set_queued(5);
  counts->set_running(1);
  counts->set_completed(4);
  counts->set_out_of_memory(1);
  counts->set_skipped(1);
  sweep.set_eta_seconds(200);
  v1::Job* job = sweep.add_running();
  job->set_job_id("s3.7");
  job->set_agent_name("laptop");
  job->set_device_name("AMD EPYC 7443");
  job->set_state(v1::JOB_STATE_RUNNING);
  job->mutable_cell()->set_model("resnet50");
  job->mutable_cell()->set_batch_size(64);
  job->mutable_cell()->set_image_size(224);
  job->mutable_cell()->set_precision(v1::PRECISION_FP32);
  job->mutable_cell()->set_memory_format(v1::MEMORY_FORMAT_NCHW);
  job->set_windows_stored(12);
  job->set_throughput(123.456);
  job->set_elapsed_seconds(20);
  return sweep;
}

TEST(WatchView, ShowsProgressCountsAndRunningJobs) {
  EXPECT_THAT(
      WatchLines(HalfWay(), 0, {.width = 100, .unicode = false}),
      ElementsAre("sweep s3 \"first try\": RUNNING, 6 cells on 2 devices",
                  "[####################--------------------] 6/12 jobs  50 %  3 min 20 s left",
                  "4 completed, 1 out of memory, 1 skipped, 1 running, 5 queued", "",
                  "job   agent   device         cell                                windows  samples/s  elapsed",
                  "s3.7  laptop  AMD EPYC 7443  resnet50 bs 64, 224 px, fp32, nchw       12     123.46     20 s"));
}

TEST(WatchView, WhatWaitsAtAnAgentIsANumberBesideWhatItRuns) {
  v1::SweepStatus sweep = HalfWay();
  sweep.mutable_running(0)->set_agent_id("a-1");
  v1::Job waiting = sweep.running(0);
  waiting.set_state(v1::JOB_STATE_ASSIGNED);
  waiting.clear_elapsed_seconds();
  for (const char* id : {"s3.8", "s3.9"}) {
    waiting.set_job_id(id);
    *sweep.add_running() = waiting;
  }
  waiting.set_agent_id("a-2");
  waiting.set_job_id("s3.20");
  *sweep.add_running() = waiting;
  const auto lines = WatchLines(sweep, 0, {.width = 120, .unicode = false});
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_THAT(lines[4], HasSubstr("elapsed  ahead"));
  EXPECT_THAT(lines[5], testing::AllOf(HasSubstr("s3.7 "), HasSubstr("20 s      2")));
  EXPECT_THAT(lines[6], testing::AllOf(HasSubstr("s3.20"), HasSubstr("assigned")));
}

TEST(WatchView, TimeRunsOnBetweenNews) {
  const auto lines = WatchLines(HalfWay(), 5, {.width = 100});
  EXPECT_THAT(lines[1], HasSubstr("3 min 15 s left"));
  EXPECT_THAT(lines[5], HasSubstr("25 s"));
}

TEST(WatchView, EveryLineFitsAnyTerminal) {
  for (int width = 1; width < 120; ++width)
    for (int height : {1, 2, 5, 24}) {
      const auto lines = WatchLines(HalfWay(), 0, {.width = width, .height = height, .color = true});
      EXPECT_LE(lines.size(), static_cast<std::size_t>(std::max(height - 1, 1)));
      for (const std::string& line : lines) EXPECT_LE(VisibleWidth(line), width) << line;
    }
}

TEST(WatchView, ManyRunningJobsAreCutToTheHeight) {
  v1::SweepStatus sweep = HalfWay();
  for (int i = 0; i < 20; ++i) *sweep.add_running() = sweep.running(0);
  const auto lines = WatchLines(sweep, 0, {.width = 100, .height = 12});
  ASSERT_EQ(lines.size(), 11u);
  EXPECT_EQ(lines.back(), "16 more");
}

TEST(WatchView, SaysWhenNothingMatchesYet) {
  v1::SweepStatus sweep;
  sweep.set_sweep_id("s1");
  sweep.set_state(v1::SWEEP_STATE_QUEUED);
  sweep.set_cells(3);
  const auto lines = WatchLines(sweep, 0, {});
  EXPECT_EQ(lines[0], "sweep s1: QUEUED, 3 cells on 0 devices");
  EXPECT_THAT(lines.back(), HasSubstr("waiting for a machine"));
}

TEST(WatchView, SaysWhatWaitsForMachinesThatAreAway) {
  v1::SweepStatus sweep = HalfWay();
  sweep.clear_running();
  v1::AbsentDevice* lost = sweep.add_absent();
  lost->set_device_name("Tesla T4");
  lost->set_agent_name("one");
  lost->set_agent_state(v1::AGENT_STATE_LOST);
  lost->set_jobs(3);
  lost->set_away_seconds(720);
  v1::AbsentDevice* nobodys = sweep.add_absent();
  nobodys->set_device_name("Tesla P4");
  nobodys->set_jobs(1);
  nobodys->set_away_seconds(60);
  sweep.set_absent_jobs(9);
  const auto lines = WatchLines(sweep, 0, {.width = 100, .unicode = false});
  EXPECT_THAT(std::vector<std::string>(lines.begin() + 3, lines.end()),
              ElementsAre("3 jobs wait for one (Tesla T4), away for 12 min",
                          "1 job waits for Tesla P4, which no agent has, away for 1 min",
                          "5 jobs wait for other machines that are away",
                          "what waits runs when its machine is back; or end it with 'rsg sweep cancel s3'"));
}

TEST(WatchView, NamesCannotSteerTheTerminal) {
  v1::SweepStatus sweep = HalfWay();
  sweep.mutable_spec()->set_name("\x1b[2J");
  sweep.mutable_running(0)->set_agent_name("\x1b]0;x\x07");
  for (const std::string& line : WatchLines(sweep, 0, {.width = 100})) EXPECT_THAT(line, Not(HasSubstr("\x1b")));
}

TEST(WatchView, LinesForPipes) {
  EXPECT_EQ(
      ProgressLine(HalfWay()),
      "s3 RUNNING 6/12 jobs ended, 4 completed, 1 out of memory, 1 skipped, 1 running, 5 queued, 3 min 20 s left");
  v1::SweepStatus sweep = HalfWay();
  sweep.set_state(v1::SWEEP_STATE_COMPLETED);
  sweep.clear_eta_seconds();
  sweep.set_ended_unix_seconds(1720);
  sweep.mutable_counts()->set_running(0);
  sweep.mutable_counts()->set_queued(0);
  sweep.mutable_counts()->set_completed(10);
  EXPECT_EQ(SummaryLine(sweep, true), "sweep s3 COMPLETED in 12 min: 10 completed, 1 out of memory, 1 skipped");
  EXPECT_TRUE(HasEnded(sweep));
  EXPECT_EQ(EndedJobs(sweep.counts()), 12u);
}

v1::SweepStatus Drifted() {
  v1::SweepStatus sweep = HalfWay();
  v1::Drift* drift = sweep.add_drift();
  drift->set_device_name("Tesla T4");
  drift->set_agent_name("box");
  drift->mutable_start()->set_throughput(101.2);
  drift->mutable_end()->set_throughput(100.8);
  drift->set_share(-0.00395);
  drift->set_half_width(0.009);
  return sweep;
}

TEST(WatchView, DriftOfControlCellsIsShown) {
  const v1::SweepStatus sweep = Drifted();
  EXPECT_THAT(WatchLines(sweep, 0, {.width = 100, .unicode = false}),
              testing::Contains("control cell on box (Tesla T4): 101.20 -> 100.80 samples/s, -0.4 % +/- 0.9 %"));
  EXPECT_THAT(SummaryLine(sweep, true), testing::EndsWith("5 queued; control drift -0.4 % \u00b1 0.9 %"));
  EXPECT_THAT(WatchLines(HalfWay(), 0, {}), Not(testing::Contains(HasSubstr("control"))));
  for (int width = 1; width < 90; ++width)
    for (const std::string& line : WatchLines(sweep, 0, {.width = width, .height = 24}))
      EXPECT_LE(VisibleWidth(line), width) << line;
}

TEST(WatchView, OfManyDevicesTheFirstAndTheLargestDrift) {
  v1::SweepStatus sweep = Drifted();
  for (int i = 1; i < 20; ++i) *sweep.add_drift() = sweep.drift(0);
  sweep.mutable_drift(7)->set_share(-0.05);
  sweep.mutable_drift(8)->clear_share();
  sweep.mutable_drift(8)->mutable_start()->set_outcome(v1::OUTCOME_FAILED);
  sweep.mutable_drift(8)->mutable_start()->set_reason("killed by SIGSEGV");
  const auto lines = WatchLines(sweep, 0, {});
  EXPECT_THAT(lines, testing::Contains("12 more"));
  EXPECT_THAT(SummaryLine(sweep, false),
              testing::EndsWith("; largest control drift -5.0 % +/- 0.9 %, of 19 devices, of 1 unknown"));
}

TEST(WatchView, RunningControlCellIsCalledSo) {
  v1::SweepStatus sweep = HalfWay();
  sweep.mutable_running(0)->set_role(v1::ROLE_CONTROL);
  EXPECT_THAT(WatchLines(sweep, 0, {}).back(), HasSubstr("nchw (control)"));
}

}  // namespace
}  // namespace rsg::cli
