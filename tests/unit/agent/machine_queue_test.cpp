// Attempts that are handed out ahead: they run one after the other, whether or not the coordinator is there.
#include <gmock/gmock.h>

#include <algorithm>

#include "machine_driver.hpp"

namespace rsg::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class QueueTest : public MachineDriver {
 protected:
  static v1::Assign Sized(const std::string& attempt_id, std::uint32_t batch_size) {
    v1::Assign assign = GoodAssign(attempt_id, Token(attempt_id));
    assign.mutable_cell()->set_batch_size(batch_size);
    return assign;
  }
  static std::string Token(const std::string& attempt_id) {
    std::string token = kToken;
    token[0] = attempt_id == "s1.1.1" ? token[0] : attempt_id[3];
    token[1] = attempt_id == "s1.1.1" ? token[1] : 'f';
    return token;
  }
  // s1.1.1 runs; behind it wait s1.2.1 and s1.3.1, of twice and four times its batch size.
  void StartSeries() {
    StartAttempt();
    Hear(AssignMessage(Sized("s1.2.1", 4)));
    Hear(AssignMessage(Sized("s1.3.1", 8)));
    Flush();
  }
  std::vector<std::string> SpawnedAttempts() const {
    std::vector<std::string> spawned;
    for (const Action& action : actions_)
      if (const auto* spawn = std::get_if<Spawn>(&action)) spawned.push_back(spawn->assign.attempt_id());
    return spawned;
  }
  // The child of the attempt says all there is to say.
  void Measure(const std::string& attempt_id, std::uint32_t batch_size) {
    Give(Spawned{attempt_id});
    v1::TrainerEvent started = StartedEvent();
    started.mutable_started()->mutable_cell()->set_batch_size(batch_size);
    Say(started, attempt_id);
    Say(WindowEvent(1), attempt_id);
    Say(FinishedEvent(), attempt_id);
    ChildExits(0, 0, attempt_id);
  }
  void Acknowledge(const std::string& attempt_id, std::uint32_t windows) {
    Hear(AckMessage(attempt_id, windows));
    Flush();
  }
  // The ends told since Clear, by attempt.
  std::map<std::string, v1::AttemptFinished> Ends() const {
    std::map<std::string, v1::AttemptFinished> ends;
    for (const v1::AgentMessage& message : Sent(v1::AgentMessage::kAttemptFinished))
      ends[message.attempt_finished().attempt_id()] = message.attempt_finished();
    return ends;
  }
};

TEST_F(QueueTest, RunsInOrderEachUnderItsOwnToken) {
  StartSeries();
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1")) << "one child at a time";
  Say(FinishedEvent());
  ChildExits();
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.2.1"));
  Measure("s1.2.1", 4);
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
  Flush();
  for (const v1::AgentMessage& message : Sent(v1::AgentMessage::kAttemptStarted))
    EXPECT_EQ(message.attempt_started().lease_token(), Token(message.attempt_started().attempt_id()));
}

TEST_F(QueueTest, WindowsKeptAreBoundedOverAllThatIsInHand) {
  StartSeries();
  Lose();
  for (std::uint32_t i = 1; i <= 6; ++i) Say(WindowEvent(i));
  Say(FinishedEvent());
  ChildExits();
  Give(Spawned{"s1.2.1"});
  v1::TrainerEvent started = StartedEvent();
  started.mutable_started()->mutable_cell()->set_batch_size(4);
  Say(started, "s1.2.1");
  Clear();
  for (std::uint32_t i = 1; i <= 4; ++i) Say(WindowEvent(i), "s1.2.1");
  EXPECT_EQ(Count<Terminate>() + Count<Kill>(), 0);
  Say(WindowEvent(5), "s1.2.1");
  EXPECT_EQ(Count<Terminate>() + Count<Kill>(), 1) << "ten are kept, whichever attempt they are of";
}

TEST_F(QueueTest, GoesThroughTheSeriesAloneAndDeliversItLater) {
  StartSeries();
  Lose();
  Say(WindowEvent(1));
  Say(FinishedEvent());
  ChildExits();
  Measure("s1.2.1", 4);
  Measure("s1.3.1", 8);
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.2.1", "s1.3.1"));
  Clear();
  Attach();
  const v1::Hello hello = Sent(v1::AgentMessage::kHello).back().hello();
  ASSERT_EQ(hello.attempts_size(), 3);
  for (const v1::AttemptInHand& attempt : hello.attempts()) EXPECT_TRUE(attempt.finished() && !attempt.queued());
  for (const char* attempt : {"s1.1.1", "s1.2.1", "s1.3.1"}) Acknowledge(attempt, 0);
  for (const char* attempt : {"s1.1.1", "s1.2.1", "s1.3.1"}) Acknowledge(attempt, 1);
  const auto ends = Ends();
  ASSERT_EQ(ends.size(), 3u);
  for (const auto& [attempt, end] : ends) {
    EXPECT_EQ(end.outcome(), v1::OUTCOME_COMPLETED) << attempt;
    EXPECT_EQ(end.lease_token(), Token(attempt));
    EXPECT_EQ(end.final_sequence(), 1u);
  }
}

TEST_F(QueueTest, HelloSaysWhatWaits) {
  StartSeries();
  Lose();
  Clear();
  Attach();
  const v1::Hello hello = Sent(v1::AgentMessage::kHello).back().hello();
  ASSERT_EQ(hello.attempts_size(), 3);
  EXPECT_FALSE(hello.attempts(0).queued());
  EXPECT_TRUE(hello.attempts(1).queued());
  EXPECT_TRUE(hello.attempts(2).queued());
}

TEST_F(QueueTest, MaxRuntimeBeginsWithTheChildNotInTheQueue) {
  StartSeries();
  Pass(90);
  Say(FinishedEvent());
  ChildExits();
  Give(Spawned{"s1.2.1"});
  Clear();
  Pass(90);
  EXPECT_EQ(Count<Terminate>(), 0) << "it has 100 s of its own";
  Pass(11);
  EXPECT_EQ(Count<Terminate>(), 1);
}

TEST_F(QueueTest, OutOfMemoryHoldsLargerBatchSizesOfTheSeriesBack) {
  StartSeries();
  v1::Assign other = Sized("s1.4.1", 8);
  other.mutable_cell()->set_model("resnet50");
  v1::Assign smaller = Sized("s1.5.1", 1);
  v1::Assign elsewhere = Sized("s2.1.1", 64);
  Hear(AssignMessage(other));
  Hear(AssignMessage(smaller));
  Hear(AssignMessage(elsewhere));
  Lose();
  ChildExits(3);
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.4.1")) << "another series";
  Measure("s1.4.1", 8);
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.4.1", "s1.5.1")) << "less memory";
  Measure("s1.5.1", 1);
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.4.1", "s1.5.1", "s2.1.1")) << "another sweep";
  Measure("s2.1.1", 64);
  EXPECT_EQ(SpawnedAttempts().size(), 4u);
  Clear();
  Attach();
  for (const char* attempt : {"s1.1.1", "s1.2.1", "s1.3.1", "s1.4.1", "s1.5.1", "s2.1.1"}) Acknowledge(attempt, 0);
  EXPECT_EQ(Ends().at("s1.1.1").outcome(), v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_FALSE(Ends().contains("s1.2.1")) << "the coordinator first hears why";
  // It prunes one of them in time; of the other the Cancel is still to come.
  Hear(CancelMessage("s1.2.1", Token("s1.2.1")));
  Hear(FinishedAckMessage("s1.1.1"));
  Flush();
  EXPECT_EQ(Ends().at("s1.2.1").outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(Ends().at("s1.3.1").outcome(), v1::OUTCOME_LOST);
  EXPECT_THAT(Ends().at("s1.3.1").error(), HasSubstr("never begun: s1.1.1 ran out of memory at batch size 2"));
  EXPECT_THAT(SpawnedAttempts(), IsEmpty());
}

TEST_F(QueueTest, CancelOfWhatRanOutOfMemoryDoesNotSetTheOthersFree) {
  StartSeries();
  Windows(1, 1);
  Say(FinishedEvent(v1::OUTCOME_OUT_OF_MEMORY));
  ChildExits();
  Flush();
  Hear(CancelMessage("s1.1.1", kToken));  // its window is not stored, so it ends CANCELLED; the others' Cancels follow
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1"));
  Hear(CancelMessage("s1.2.1", Token("s1.2.1")));
  Flush();
  Hear(FinishedAckMessage("s1.1.1", false));
  Flush();
  EXPECT_THAT(Ends().at("s1.3.1").error(), HasSubstr("ran out of memory"));
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1"));
}

TEST_F(QueueTest, WhatComesAfterTheOutOfMemoryIsHeldBackToo) {
  StartAttempt();
  ChildExits(3);
  Hear(AssignMessage(Sized("s1.2.1", 4)));
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1")) << "it was on its way when the coordinator heard";
}

TEST_F(QueueTest, CancelOfAQueuedAttemptEndsItAndNothingElse) {
  StartSeries();
  Clear();
  Hear(CancelMessage("s1.2.1", kToken));
  EXPECT_THAT(Ends(), IsEmpty()) << "that is the token of another attempt";
  Hear(CancelMessage("s1.2.1", Token("s1.2.1")));
  Flush();
  EXPECT_EQ(Count<Terminate>(), 0);
  EXPECT_EQ(Ends().at("s1.2.1").outcome(), v1::OUTCOME_CANCELLED);
  Hear(FinishedAckMessage("s1.2.1", false));
  Say(FinishedEvent());
  ChildExits();
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.3.1"));
}

TEST_F(QueueTest, QueuedAttemptIsFencedByANegativeAnswer) {
  StartSeries();
  Hear(FinishedAckMessage("s1.2.1", false));
  Say(FinishedEvent());
  ChildExits();
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.3.1"));
}

TEST_F(QueueTest, NextBeginsOnlyWhenACancelledChildIsGone) {
  StartSeries();
  Hear(CancelMessage("s1.1.1", kToken));
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1"));
  ChildExits(0, 15);
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.2.1"));
}

TEST_F(QueueTest, DrainHandsTheQueueBackAndFinishesWhatRuns) {
  StartSeries();
  Clear();
  Give(StopAsked{15});
  EXPECT_THAT(LogText(), HasSubstr("finishing s1.1.1"));
  Flush();
  EXPECT_EQ(Sent(v1::AgentMessage::kHeartbeat).size(), 1u);
  const auto first = std::find_if(actions_.begin(), actions_.end(),
                                  [](const Action& action) { return std::holds_alternative<Send>(action); });
  EXPECT_TRUE(std::get<Send>(*first).message.has_heartbeat()) << "the coordinator learns first that the agent drains";
  for (const char* attempt : {"s1.2.1", "s1.3.1"}) {
    EXPECT_EQ(Ends().at(attempt).outcome(), v1::OUTCOME_LOST);
    EXPECT_THAT(Ends().at(attempt).error(), HasSubstr("draining"));
    Hear(FinishedAckMessage(attempt));
  }
  Say(FinishedEvent());
  ChildExits();
  Flush();
  EXPECT_EQ(Ends().at("s1.1.1").outcome(), v1::OUTCOME_COMPLETED);
  Hear(FinishedAckMessage("s1.1.1"));
  EXPECT_EQ(ExitCode(), 0);
  EXPECT_THAT(SpawnedAttempts(), IsEmpty());
}

TEST_F(QueueTest, AFullSpoolWaitsForTheCoordinatorBeforeTheNextBegins) {
  StartSeries();
  Lose();
  Windows(1, 11);  // ten are kept
  ChildExits(0, 9);
  Pass(5);
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1"));
  Attach();
  EXPECT_THAT(SpawnedAttempts(), ElementsAre("s1.1.1", "s1.2.1"));
}

TEST_F(QueueTest, KeepsNoMoreThanAHelloCanName) {
  StartAttempt();
  for (int i = 2; i <= 70; ++i) Hear(AssignMessage(GoodAssign("s1." + std::to_string(i) + ".1", kOtherToken)));
  Flush();
  EXPECT_EQ(Ends().size(), 6u);
  EXPECT_THAT(Ends().at("s1.65.1").error(), HasSubstr("too many attempts"));
  Lose();
  Clear();
  Attach();
  EXPECT_EQ(Sent(v1::AgentMessage::kHello).back().hello().attempts_size(), 64);
}

}  // namespace
}  // namespace rsg::agent
