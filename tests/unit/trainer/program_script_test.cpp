// rsg-trainer run --script: a TorchScript module from its file to the result.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "child.hpp"
#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> Training(const std::string& file) {
  return {"run",      "--script", file,           "--bs", "2",           "--size", "32",
          "--device", "cpu",      "--json-lines", "3",    "--n_batches", "3"};
}

TEST(ProgramScript, MeasuresAModuleAndLabelsItAsOne) {
  const std::string file = ::testing::TempDir() + "small net.pt";
  ASSERT_EQ(std::system(("'" RSG_SCRIPT_MAKER "' '" + file + "'").c_str()), 0);
  const Ended ended = RunTrainer(Training(file));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, StartsWith("script:small_net ("));
  const auto events = EventsOf(ended);
  ASSERT_GE(events.size(), 3u);
  const v1::Cell& cell = events.front().started().cell();
  EXPECT_TRUE(Validate(cell).ok()) << Validate(cell);
  EXPECT_EQ(cell.model(), "script:small_net");
  EXPECT_TRUE(IsHex(cell.script().sha256(), 64));
  const v1::TrainerFinished& finished = events.back().finished();
  EXPECT_EQ(finished.outcome(), v1::OUTCOME_COMPLETED);
  EXPECT_EQ(finished.result().parameters(), 440u);
  EXPECT_GT(finished.result().throughput(), 0);
  EXPECT_GT(finished.result().physics().flop_per_sample(), 0);
  EXPECT_TRUE(finished.result().has_final_loss());
}

TEST(ProgramScript, WhatIsNoModuleFailsTheCellInOneLine) {
  const std::string file = ::testing::TempDir() + "junk.pt";
  std::ofstream(file) << "junk";
  const Ended ended = RunTrainer(Training(file));
  EXPECT_EQ(ended.exit_code, 2);
  const v1::TrainerFinished finished = EventsOf(ended).back().finished();
  EXPECT_EQ(finished.outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(finished.error(), HasSubstr("junk.pt holds no TorchScript module: "));
  EXPECT_EQ(finished.error().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace rsg::trainer
