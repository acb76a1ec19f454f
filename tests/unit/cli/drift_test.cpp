// What people are told of drift and of stacks that differ.
#include "coordinator/cli/drift.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/compare.hpp"

namespace rsg::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

v1::Job Control(const std::string& sweep, int number, const std::string& device, std::uint32_t which,
                double throughput) {
  v1::Job job;
  job.set_sweep_id(sweep);
  job.set_job_id(sweep + "." + std::to_string(number));
  job.set_role(v1::ROLE_CONTROL);
  job.set_repeat(which);
  job.set_device_id(device);
  job.set_device_name("Tesla T4");
  job.set_agent_name("box");
  job.set_state(v1::JOB_STATE_ENDED);
  job.set_outcome(v1::OUTCOME_COMPLETED);
  job.set_throughput(throughput);
  return job;
}

TEST(DriftText, HasASignAndNeverMinusZero) {
  v1::Drift drift;
  EXPECT_EQ(DriftText(drift, true), "");
  drift.set_share(0.0123);
  EXPECT_EQ(DriftText(drift, true), "+1.2 %");
  drift.set_half_width(0.004);
  EXPECT_EQ(DriftText(drift, true), "+1.2 % \u00b1 0.4 %");
  drift.set_share(-0.0001);
  EXPECT_EQ(DriftText(drift, false), "+0.0 % +/- 0.4 %");
}

TEST(DriftLine, SaysWhyThereIsNone) {
  v1::Drift drift;
  drift.set_device_name("Tesla T4");
  EXPECT_EQ(DriftLine(drift, true), "") << "still to come";
  drift.mutable_start()->set_throughput(100);
  drift.mutable_start()->set_outcome(v1::OUTCOME_COMPLETED);
  drift.mutable_end()->set_outcome(v1::OUTCOME_SKIPPED);
  drift.mutable_end()->set_reason("the machine had\x1b[2J left");
  EXPECT_EQ(DriftLine(drift, true), "Tesla T4: at the end SKIPPED, the machine had?[2J left");
  drift.mutable_start()->set_outcome(v1::OUTCOME_FAILED);
  drift.mutable_start()->set_reason("killed by SIGSEGV");
  EXPECT_EQ(DriftLine(drift, true), "Tesla T4: at the start FAILED, killed by SIGSEGV");
}

TEST(DriftBook, PairsTheTwoEndsOfEachDeviceAndSweep) {
  DriftBook book;
  EXPECT_THAT(book.Lines(10, true), IsEmpty());
  book.Add(Control("s1", 1, "GPU-1", 1, 100));
  book.Add(Control("s1", 9, "GPU-1", 2, 98));
  book.Add(Control("s1", 10, "GPU-2", 1, 200));
  book.Add(Control("s1", 18, "GPU-2", 2, 202));
  book.Add(Control("s2", 1, "GPU-1", 1, 100));  // goes on
  v1::Job measurement = Control("s1", 2, "GPU-1", 1, 5000);
  measurement.set_role(v1::ROLE_MEASUREMENT);
  book.Add(measurement);
  EXPECT_THAT(book.Lines(10, true),
              ElementsAre("control cell, start -> end:", "  s1 box (Tesla T4): 100.00 -> 98.00 samples/s, -2.0 %",
                          "  s1 box (Tesla T4): 200.00 -> 202.00 samples/s, +1.0 %"));
  EXPECT_THAT(book.Lines(1, true), ElementsAre("control cell, start -> end:", HasSubstr("202.00"),
                                               "  1 earlier ones: 'rsg results list --control'"));
}

TEST(DriftBook, KeepsTheNewestSweeps) {
  DriftBook book;
  for (int sweep = 1; sweep <= 1000; ++sweep)
    for (const std::uint32_t which : {1U, 2U})
      book.Add(Control(std::string("s").append(std::to_string(sweep)), static_cast<int>(which), "GPU-1", which, 100));
  const auto lines = book.Lines(10'000, true);
  EXPECT_LT(lines.size(), 100u);
  EXPECT_THAT(lines.back(), HasSubstr("s1000 "));
}

v1::Result Of(const std::string& key, const std::string& torch) {
  v1::Result result;
  result.mutable_keys()->set_stack(key);
  result.mutable_stack()->set_torch_version(torch);
  result.mutable_stack()->set_cuda_version("13.0");
  return result;
}

TEST(StackComparison, NotesOnlyADifference) {
  StackComparison stacks;
  EXPECT_EQ(stacks.Note(), "");
  stacks.Add(Of("1111111111111111", "2.11.0"));
  stacks.Add(Of("1111111111111111", "2.11.0"));
  stacks.Add(Of("", "2.3.0"));  // of a trainer that made no keys
  EXPECT_EQ(stacks.Note(), "");
  stacks.Add(Of("2222222222222222", "2.10.0"));
  EXPECT_THAT(stacks.Note(), AllOf(HasSubstr("2 stacks"), HasSubstr("LibTorch 2.11.0, CUDA 13.0 (2 rows)"),
                                   HasSubstr("LibTorch 2.10.0, CUDA 13.0 (1 row)")));
  for (int i = 0; i < 100; ++i) stacks.Add(Of(std::to_string(i), "2.9.0"));
  EXPECT_LT(stacks.Note().size(), 400u);
}

}  // namespace
}  // namespace rsg::cli
