// Which line of a run's history is what; the summary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/wandb/history.hpp"
#include "samples.hpp"

namespace rsg::wandb {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;
using Kind = LineSource::Kind;

TEST(History, NumbersFactsWindowsAndEndsOfAllAttempts) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 2, v1::OUTCOME_LOST);
  AddAttempt(&run, 0, v1::OUTCOME_LOST);
  run.attempts.back().started_unix.reset();  // came to nothing: no line
  AddAttempt(&run, 0, v1::OUTCOME_FAILED);
  run.attempts.back().started_unix.reset();  // tells something
  AddAttempt(&run, 3, v1::OUTCOME_COMPLETED);
  const History history(run);
  ASSERT_EQ(history.lines(), 1U + 3 + 0 + 1 + 4);
  EXPECT_EQ(history.SourceOf(0).kind, Kind::kFacts);
  const auto expect = [&](std::uint32_t line, Kind kind, std::size_t attempt, std::uint32_t sequence) {
    const LineSource source = history.SourceOf(line);
    EXPECT_EQ(source.kind, kind) << line;
    EXPECT_EQ(source.attempt, attempt) << line;
    EXPECT_EQ(source.sequence, sequence) << line;
  };
  expect(1, Kind::kWindow, 0, 1);
  expect(2, Kind::kWindow, 0, 2);
  expect(3, Kind::kEnd, 0, 0);
  expect(4, Kind::kEnd, 2, 0);
  expect(5, Kind::kWindow, 3, 1);
  expect(7, Kind::kWindow, 3, 3);
  expect(8, Kind::kEnd, 3, 0);
}

TEST(History, TellsTheTimeOfLines) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 2, v1::OUTCOME_LOST);
  AddAttempt(&run, 2, v1::OUTCOME_COMPLETED);
  const History history(run);
  EXPECT_EQ(history.Facts().timestamp, 1700000001);
  EXPECT_EQ(history.Facts().runtime, 0);
  const Line window = history.OfWindow(5, history.SourceOf(5), WindowOf(2));
  EXPECT_EQ(window.step, 5U);
  EXPECT_EQ(window.timestamp, 1700000105);
  EXPECT_EQ(window.runtime, 104);
  EXPECT_EQ(history.OfEnd(6, history.SourceOf(6)).timestamp, 1700000151);
}

TEST(History, SummaryIsWhatWasKnownAfterSoManyLines) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 2, v1::OUTCOME_FAILED);
  AddAttempt(&run, 2, v1::OUTCOME_COMPLETED);
  const History history(run);
  EXPECT_THAT(history.Summary(3).fields, Not(Contains(Key("outcome"))));
  EXPECT_THAT(history.Summary(4).fields, Contains(Pair("outcome", Value("FAILED"))));
  EXPECT_THAT(history.Summary(6).fields, Contains(Pair("outcome", Value("FAILED"))));
  EXPECT_THAT(history.Summary(7).fields, Contains(Pair("outcome", Value("COMPLETED"))));
  EXPECT_THAT(history.Summary(7).fields, Contains(Pair("throughput", Value(100.0))));
  EXPECT_THAT(history.Summary(7).fields, Contains(Pair("bs", Value(std::int64_t{256}))));
  EXPECT_THAT(history.Summary(7).fields, Not(Contains(Key("n_seconds")))) << "W&B's client leaves null out there";
  EXPECT_EQ(history.Summary(7).step, 6U);
}

}  // namespace
}  // namespace rsg::wandb
