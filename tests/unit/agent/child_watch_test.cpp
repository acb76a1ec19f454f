// What the trainer says and how it ends: which outcome that is.
#include "agent/protocol/child_watch.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <vector>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

using ::testing::HasSubstr;

class ChildWatchTest : public ::testing::Test {
 protected:
  v1::AttemptFinished Exit(int code, int signal = 0) {
    return watch_.Exited({.attempt_id = "a", .exit_code = code, .signal = signal, .log_tail = "one\nlast words\n"}, 30);
  }
  bool Killed() const { return !actions_.empty() && std::holds_alternative<Kill>(actions_.back()); }
  const v1::Window* Hear(const v1::TrainerEvent& event) { return watch_.Hear(event, 20, &actions_); }

  ChildWatch watch_{GoodAssign(), 2, 10};
  Actions actions_;
};

TEST_F(ChildWatchTest, CompletedCarriesTheResultAndTheRuntime) {
  Hear(StartedEvent());
  EXPECT_NE(Hear(WindowEvent(1)), nullptr);
  Hear(FinishedEvent());
  const auto end = Exit(0);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_COMPLETED);
  EXPECT_EQ(end.result().throughput(), 12);
  EXPECT_EQ(end.runtime_seconds(), 20);
}

TEST_F(ChildWatchTest, SignalIsNamed) {
  Hear(StartedEvent());
  const auto end = Exit(0, SIGKILL);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(end.error(), HasSubstr("SIGKILL (9)"));
  EXPECT_THAT(end.error(), HasSubstr("last words"));
  EXPECT_EQ(end.log_tail(), "one\nlast words\n");
}

TEST_F(ChildWatchTest, ExitCodesWithoutALastLine) {
  EXPECT_EQ(Exit(0).outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(Exit(0).error(), HasSubstr("without a result"));
  EXPECT_EQ(Exit(3).outcome(), v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(Exit(4).outcome(), v1::OUTCOME_UNSUPPORTED);
  EXPECT_EQ(Exit(1).outcome(), v1::OUTCOME_FAILED);
  EXPECT_THAT(Exit(77).error(), HasSubstr("code 77"));
}

TEST_F(ChildWatchTest, TrainersOwnVerdictIsTaken) {
  Hear(FinishedEvent(v1::OUTCOME_OUT_OF_MEMORY));
  EXPECT_EQ(Exit(3).outcome(), v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(Exit(3).error(), "it says why");
}

TEST_F(ChildWatchTest, InterruptionFromOutsideIsAFailureNotACancel) {
  Hear(FinishedEvent(v1::OUTCOME_CANCELLED));
  EXPECT_EQ(Exit(143).outcome(), v1::OUTCOME_FAILED);
}

TEST_F(ChildWatchTest, SequenceGapsAndRepeatsEndIt) {
  for (const std::uint32_t wrong : {1u, 3u, 7u}) {
    ChildWatch watch(GoodAssign(), 2, 10);
    Actions actions;
    watch.Hear(StartedEvent(), 11, &actions);
    watch.Hear(WindowEvent(1), 12, &actions);
    EXPECT_EQ(watch.Hear(WindowEvent(wrong), 13, &actions), nullptr);
    ASSERT_EQ(actions.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<Kill>(actions[0]));
    const auto end = watch.Exited({.attempt_id = "a", .exit_code = 0, .signal = 9, .log_tail = ""}, 14);
    EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
    EXPECT_THAT(end.error(), HasSubstr("came after window 1"));
  }
}

TEST_F(ChildWatchTest, TimeThatRunsBackwardsEndsIt) {
  Hear(StartedEvent());
  Hear(WindowEvent(1));
  v1::TrainerEvent back = WindowEvent(2);
  back.mutable_window()->set_start_seconds(0.1);
  EXPECT_EQ(Hear(back), nullptr);
  EXPECT_TRUE(Killed());
}

TEST_F(ChildWatchTest, WindowBeforeTheStartEndsIt) {
  EXPECT_EQ(Hear(WindowEvent(1)), nullptr);
  EXPECT_TRUE(Killed());
}

TEST_F(ChildWatchTest, AnotherCellEndsIt) {
  v1::TrainerEvent other = StartedEvent();
  other.mutable_started()->mutable_cell()->set_batch_size(64);
  Hear(other);
  EXPECT_TRUE(Killed());
  EXPECT_THAT(Exit(0, 9).error(), HasSubstr("another cell"));
}

TEST_F(ChildWatchTest, AnotherProtocolEndsItWithTheRemedy) {
  v1::TrainerEvent other = StartedEvent();
  other.mutable_started()->set_protocol_version(9);
  Hear(other);
  EXPECT_TRUE(Killed());
  EXPECT_THAT(Exit(0, 9).error(), HasSubstr("one version"));
}

TEST_F(ChildWatchTest, AChildThatOutlivesItsSigkillIsComplainedOfEverMoreRarely) {
  watch_.Abort(v1::OUTCOME_LOST, "no", 20, &actions_);
  ASSERT_TRUE(Killed());
  std::vector<double> complaints;
  for (double due = watch_.Deadline(); due < 100; due = watch_.Deadline()) {
    actions_.clear();
    watch_.Tick(due, &actions_);
    ASSERT_EQ(actions_.size(), 1u);
    const auto& log = std::get<Log>(actions_[0]);
    EXPECT_EQ(log.level, LogLevel::kWarning);
    EXPECT_THAT(log.text, HasSubstr("s1.1.1: the trainer still lives"));
    complaints.push_back(due);
  }
  EXPECT_THAT(complaints, ::testing::ElementsAre(22, 24, 28, 36, 52, 84));
  EXPECT_EQ(Exit(0, SIGKILL).error(), "no");
}

TEST_F(ChildWatchTest, TalkAfterTheLastLineEndsIt) {
  Hear(StartedEvent());
  Hear(FinishedEvent());
  Hear(WindowEvent(1));
  EXPECT_TRUE(Killed());
  EXPECT_EQ(Exit(0, 9).outcome(), v1::OUTCOME_FAILED);
}

TEST_F(ChildWatchTest, HostileLogIsMadeFitForTheWire) {
  std::string garbage("\xff\xfe\0\x1b[31mred", 11);
  garbage.append(100'000, 'x').append("\xe2\x82");
  const auto end = watch_.Exited({.attempt_id = "a", .exit_code = 1, .signal = 0, .log_tail = garbage}, 30);
  EXPECT_LE(end.log_tail().size(), 16u << 10);
  EXPECT_LE(end.error().size(), 4u << 10);
  v1::AttemptFinished copy;
  EXPECT_TRUE(copy.ParseFromString(end.SerializeAsString())) << "not UTF-8";
}

}  // namespace
}  // namespace rsg::agent
