// Apply stores all or nothing, and refuses what an attempt's lease or sequence forbids.
#include <limits>

#include "fixture.hpp"

namespace rsg::store {
namespace {

using namespace schedule;

class ApplyTest : public StoreTest {
 protected:
  ApplyTest() : store_(OpenStore()) { EXPECT_TRUE(store_->Apply(BaseChanges()).ok()); }

  /// Expects the refusal, that nothing else of the transaction was kept either, and that the store goes on.
  void ExpectRefused(Changes changes, absl::StatusCode code, const std::string& text) {
    const auto before = AskOne(kEverything);
    changes.insert(changes.begin(), PutSweep{SweepOf(8)});
    changes.push_back(PutSweep{SweepOf(9)});
    const auto status = store_->Apply(changes);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.ToString().find(text), std::string::npos) << status;
    EXPECT_EQ(AskOne(kEverything), before);
    EXPECT_TRUE(store_->Apply(Changes{PutToken{TokenOf("after")}}).ok());
  }

  static constexpr char kEverything[] =
      "SELECT (SELECT COUNT(*) FROM sweeps), (SELECT COUNT(*) FROM windows), (SELECT COUNT(*) FROM results), "
      "(SELECT COUNT(*) FROM attempts), (SELECT GROUP_CONCAT(state || last_sequence || lease_token) FROM attempts), "
      "(SELECT GROUP_CONCAT(throughput) FROM results)";
  const AttemptKey key_{{1, 1}, 1};
  std::unique_ptr<Store> store_;
};

TEST_F(ApplyTest, AnotherLeaseTokenChangesNothing) {
  ExpectRefused({StartAttempt{key_, kOtherLease, 1}}, absl::StatusCode::kAborted, "lease token");
  ExpectRefused({AppendWindows{key_, kOtherLease, WindowsOf(1, 2)}}, absl::StatusCode::kAborted, "s1.1.1");
  auto end = EndOf(key_, v1::OUTCOME_COMPLETED, ResultOf(900));
  end.lease_token = kOtherLease;
  ExpectRefused({end}, absl::StatusCode::kAborted, "lease token");
}

TEST_F(ApplyTest, TokensAreNotInErrors) {
  const auto status = store_->Apply(Changes{StartAttempt{key_, kOtherLease, 1}});
  EXPECT_EQ(status.ToString().find(kOtherLease), std::string::npos) << status;
  EXPECT_EQ(status.ToString().find(kLease), std::string::npos) << status;
}

TEST_F(ApplyTest, AnUnknownAttemptChangesNothing) {
  ExpectRefused({StartAttempt{{{1, 1}, 2}, kLease, 1}}, absl::StatusCode::kAborted, "no such attempt");
  ExpectRefused({AppendWindows{{{4, 1}, 1}, kLease, WindowsOf(1, 1)}}, absl::StatusCode::kAborted, "no such attempt");
}

TEST_F(ApplyTest, AnEndedAttemptStaysAsItIs) {
  ASSERT_TRUE(store_->Apply(Changes{EndOf(key_, v1::OUTCOME_LOST)}).ok());
  ExpectRefused({StartAttempt{key_, kLease, 1}}, absl::StatusCode::kAborted, "has ended");
  ExpectRefused({AppendWindows{key_, kLease, WindowsOf(1, 1)}}, absl::StatusCode::kAborted, "has ended");
  ExpectRefused({EndOf(key_, v1::OUTCOME_COMPLETED, ResultOf(900))}, absl::StatusCode::kAborted, "has ended");
}

TEST_F(ApplyTest, WindowsContinueWithoutGap) {
  ExpectRefused({AppendWindows{key_, kLease, WindowsOf(2, 3)}}, absl::StatusCode::kAborted, "window 2");
  ASSERT_TRUE(store_->Apply(Changes{AppendWindows{key_, kLease, WindowsOf(1, 3)}}).ok());
  ExpectRefused({AppendWindows{key_, kLease, WindowsOf(3, 5)}}, absl::StatusCode::kAborted, "3 stored");
  ExpectRefused({AppendWindows{key_, kLease, WindowsOf(5, 6)}}, absl::StatusCode::kAborted, "window 5");
  auto holed = WindowsOf(4, 6);
  holed.erase(holed.begin() + 1);
  ExpectRefused({AppendWindows{key_, kLease, holed}}, absl::StatusCode::kAborted, "window 6 where 5 is next");
  EXPECT_TRUE(store_->Apply(Changes{AppendWindows{key_, kLease, WindowsOf(4, 6)}}).ok());
}

TEST_F(ApplyTest, AJobHasOneResult) {
  ASSERT_TRUE(store_->Apply(Changes{EndOf(key_, v1::OUTCOME_COMPLETED, ResultOf(900))}).ok());
  const AttemptKey second{{1, 1}, 2};
  ASSERT_TRUE(store_->Apply(Changes{InsertAttempt{AttemptOf(second)}}).ok());
  ExpectRefused({EndOf(second, v1::OUTCOME_COMPLETED, ResultOf(950))}, absl::StatusCode::kAlreadyExists, "results");
  EXPECT_EQ(AskOne("SELECT throughput, attempt FROM results"), "900.0|1");
  EXPECT_TRUE(store_->Apply(Changes{EndOf(second, v1::OUTCOME_CANCELLED)}).ok());
}

TEST_F(ApplyTest, WhatContradictsItselfIsRefused) {
  ExpectRefused({EndOf(key_, v1::OUTCOME_OUT_OF_MEMORY, ResultOf(1))}, absl::StatusCode::kInvalidArgument,
                "OUT_OF_MEMORY");
  ExpectRefused({EndOf(key_, v1::OUTCOME_UNSPECIFIED)}, absl::StatusCode::kInvalidArgument, "refused");
  auto result = ResultOf(900);
  result.set_throughput(std::numeric_limits<double>::infinity());
  ExpectRefused({EndOf(key_, v1::OUTCOME_COMPLETED, result)}, absl::StatusCode::kInvalidArgument, "throughput");
  result.set_throughput(std::numeric_limits<double>::quiet_NaN());
  ExpectRefused({EndOf(key_, v1::OUTCOME_COMPLETED, result)}, absl::StatusCode::kInvalidArgument, "throughput");
  auto job = JobOf(1, 3);
  job.state = v1::JOB_STATE_ENDED;  // without an outcome
  ExpectRefused({PutJob{job}}, absl::StatusCode::kInvalidArgument, "jobs");
  job.state = v1::JOB_STATE_UNSPECIFIED;
  ExpectRefused({PutJob{job}}, absl::StatusCode::kInvalidArgument, "state");
}

TEST_F(ApplyTest, WhatIsReferredToMustBeThere) {
  ExpectRefused({PutJob{JobOf(5, 1)}}, absl::StatusCode::kInvalidArgument, "FOREIGN KEY");
  ExpectRefused({InsertAttempt{AttemptOf({{1, 9}, 1})}}, absl::StatusCode::kInvalidArgument, "FOREIGN KEY");
  auto attempt = AttemptOf({{1, 2}, 1});
  attempt.agent_id = "a-stranger";
  ExpectRefused({InsertAttempt{attempt}}, absl::StatusCode::kInvalidArgument, "FOREIGN KEY");
}

TEST_F(ApplyTest, WhatIsUniqueIsThereOnce) {
  ExpectRefused({InsertAttempt{AttemptOf(key_)}}, absl::StatusCode::kAlreadyExists, "attempts");
  auto sweep = SweepOf(4);
  sweep.request_id = SweepOf(1).request_id;
  ExpectRefused({PutSweep{sweep}}, absl::StatusCode::kAlreadyExists, "request_id");
  auto agent = AgentOf("a-2");
  agent.credential_sha256 = AgentOf("a-1").credential_sha256;
  ExpectRefused({PutAgent{agent}}, absl::StatusCode::kAlreadyExists, "credential_sha256");
}

TEST_F(ApplyTest, AnAgentMayComeBeforeItsTokenInOneTransaction) {
  auto agent = AgentOf("a-2");
  agent.token_id = "t-2";
  EXPECT_TRUE(store_->Apply(Changes{PutAgent{agent}, PutToken{TokenOf("t-2")}}).ok());
  agent = AgentOf("a-3");
  agent.token_id = "t-3";
  const auto status = store_->Apply(Changes{PutAgent{agent}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(AskOne("SELECT COUNT(*) FROM agents"), "2");
}

}  // namespace
}  // namespace rsg::store
