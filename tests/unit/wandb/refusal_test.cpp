// What the forwarder does when W&B refuses: a run, its files, where it goes, or the key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarder_fixture.hpp"

namespace rsg::wandb {
namespace {

using schedule::WandbPhase;
using testing::ElementsAre;
using testing::HasSubstr;

using RefusalTest = ForwarderTest;

TEST_F(RefusalTest, RefusedFilesDoNotHoldTheRunUp) {
  store::RunContent run = RunOf(1);
  run.cpu_info = "processor: 0";
  AddAttempt(&run, 5, v1::OUTCOME_COMPLETED);
  outbox_.Put(run);
  wandb_.Answer({200, 422});
  Go(20);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
  EXPECT_TRUE(RunAt(1).files.empty());
}

TEST_F(RefusalTest, AWrongKeyPausesUntilAPersonHasSeenToIt) {
  PutCompleted(1);
  wandb_.AnswerAlways(401);
  Go(100);
  EXPECT_EQ(wandb_.requests(), 1U);
  EXPECT_TRUE(forwarder_->status().paused);
  EXPECT_THAT(forwarder_->status().last_error, HasSubstr("does not know the key"));
  wandb_.AnswerAlways(200);
  wandb_.Answer({});
  FakeWandb good(&clock_);
  Forwarder::Options options;
  options.target.project = "p";
  Forwarder again(options, &outbox_, &good, &clock_);  // a restart tries again, too
  RunFor(&again, &clock_, 10);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
}

TEST_F(RefusalTest, RetryEndsAPause) {
  PutCompleted(1);
  wandb_.Answer({403});
  Go(100);
  EXPECT_TRUE(forwarder_->status().paused);
  forwarder_->Retry();
  Go(10);
  EXPECT_FALSE(forwarder_->status().paused);
  EXPECT_EQ(forwarder_->status().last_error, "");
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
}

TEST_F(RefusalTest, ARefusedRunIsStuckAndTheOthersGoOn) {
  PutCompleted(1);
  PutCompleted(2);
  wandb_.Answer({422});  // the first one's upsert
  Go(20);
  EXPECT_EQ(Phase(1), WandbPhase::kStuck);
  EXPECT_THAT(outbox_.at(1).run.error, HasSubstr("HTTP 422"));
  EXPECT_EQ(Phase(2), WandbPhase::kDone);
}

TEST_F(RefusalTest, ARunWhoseOwnPlaceIsRefusedIsStuckAndTheOthersGoOn) {
  PutCompleted(1);
  PutCompleted(2);
  outbox_.at(1).run.target = {.entity = "typo", .project = ""};
  wandb_.Answer({403});
  Go(20);
  EXPECT_FALSE(forwarder_->status().paused);
  EXPECT_EQ(Phase(1), WandbPhase::kStuck);
  EXPECT_THAT(outbox_.at(1).run.error, HasSubstr("typo/ready-steady-go"));
  EXPECT_EQ(Phase(2), WandbPhase::kDone);
}

TEST_F(RefusalTest, RightsThatAreWithdrawnWhereARunStandsHoldTheOthersUpNotAtAll) {
  PutCompleted(1);
  PutCompleted(2);
  outbox_.at(1).run.storage_id = "x";
  outbox_.at(1).run.sent = {.entity = "old-team", .project = "ready-steady-go"};
  wandb_.Answer({403});
  Go(20);
  EXPECT_EQ(Phase(1), WandbPhase::kStuck);
  EXPECT_THAT(outbox_.at(1).run.error, HasSubstr("old-team/ready-steady-go"));
  EXPECT_EQ(Phase(2), WandbPhase::kDone);
}

TEST_F(RefusalTest, TheSettingsPlacePausesWhenItIsRefused) {
  PutCompleted(1);
  PutCompleted(2);
  outbox_.at(1).run.target = {.entity = "", .project = "ready-steady-go"};  // the same, said by the run
  wandb_.Answer({404});
  Go(20);
  EXPECT_TRUE(forwarder_->status().paused);
  EXPECT_THAT(forwarder_->status().last_error, HasSubstr("WANDB_ENTITY"));
  EXPECT_EQ(Phase(1), WandbPhase::kNew);
  EXPECT_EQ(Phase(2), WandbPhase::kNew);
}

TEST_F(RefusalTest, AChunkThatIsTooLargeIsSentInPieces) {
  PutCompleted(1, 100);
  wandb_.TakeAtMost(30);
  Go(60);
  EXPECT_EQ(Phase(1), WandbPhase::kDone);
  EXPECT_EQ(RunAt(1).history.size(), 102U);
  EXPECT_EQ(RunAt(1).state, "finished");
  EXPECT_THAT(wandb_.violations(), ElementsAre());
}

TEST_F(RefusalTest, ARunThatIsNotShownIsStuckInTheEnd) {
  PutCompleted(1);
  while (wandb_.of(Call::kStream) == 0) clock_.Advance(std::max(forwarder_->Run(), 1e-3));
  wandb_.Forget("s3-1-abc");
  Go(600);
  EXPECT_EQ(Phase(1), WandbPhase::kStuck);
  EXPECT_THAT(outbox_.at(1).run.error, HasSubstr("resend --new"));
}

}  // namespace
}  // namespace rsg::wandb
