// What the log says of sweeps, jobs and attempts as data; and that no secret is in it.
#include <gmock/gmock.h>

#include "world.hpp"

namespace rsg::schedule {
namespace {

using testing::HasSubstr;
using testing::Not;

class Logged : public JobInHand {
 protected:
  /// The last line with these words.
  LogEntry Line(const std::string& words) const {
    for (auto entry = log.rbegin(); entry != log.rend(); ++entry)
      if (entry->text.find(words) != std::string::npos) return *entry;
    ADD_FAILURE() << "no line says: " << words;
    return {};
  }
  void ExpectFields(const std::string& words, const std::string& id, const std::string& agent_id) const {
    const LogEntry line = Line(words);
    const LogFields expected = FieldsOf(id);
    EXPECT_EQ(line.fields.sweep_id, expected.sweep_id) << line.text;
    EXPECT_EQ(line.fields.job_id, expected.job_id) << line.text;
    EXPECT_EQ(line.fields.attempt_id, expected.attempt_id) << line.text;
    EXPECT_EQ(line.fields.agent_id, agent_id) << line.text;
  }
};

TEST_F(Logged, AnAgentAndASweep) {
  ExpectFields("attached", "", agent.agent_id);
  ExpectFields("sweep s1 queued", "s1", "");
  Submit(Spec({8}));
  Peer late = Enrol("late", {Cpu("CPU-2")});
  Attach(late);
  ExpectFields("joins sweep s2", "s2", late.agent_id);
  EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
  Commit();
  ExpectFields("sweep s1 cancelled", "s1", "");
}

TEST_F(Logged, AnAttemptThatIsSilentAndThenLost) {
  SayStarted(agent, assign);
  Detach(agent);
  Pass(2 * settings.lost_after_seconds);
  ExpectFields("is silent", "s1.1.1", agent.agent_id);
  NewProcess(agent);
  Attach(agent);
  ExpectFields("lost attempt", "s1.1.1", agent.agent_id);
  EXPECT_EQ(Line("lost attempt").level, LogLevel::kWarning);
}

TEST_F(Logged, HowAnAttemptEnded) {
  SayStarted(agent, assign);
  SayWindows(agent, assign, 1, 3);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 3);
  ExpectFields("ended attempt s1.1.1: COMPLETED, ", "s1.1.1", agent.agent_id);
  EXPECT_THAT(Line("ended attempt").text, testing::EndsWith(" samples/s"));
  EXPECT_EQ(Line("ended attempt").level, LogLevel::kInfo);
  ASSERT_EQ(TakeAssign(agent)->attempt_id(), "s1.2.1");
  EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
  Commit();
  ExpectFields("ended attempt s1.2.1: CANCELLED: ", "s1.2.1", agent.agent_id);
}

TEST_F(Logged, AnEndThatCannotBe) {
  SayWindows(agent, assign, 1, 3);
  SayFinished(agent, assign, v1::OUTCOME_COMPLETED, 2);
  ExpectFields("reported an end that cannot be", "s1.1.1", agent.agent_id);
}

TEST_F(Logged, WhatIsOutOfPlace) {
  SayWindows(agent, assign, 2, 3);
  ExpectFields("leave a gap", "s1.1.1", agent.agent_id);
  v1::Assign stale = assign;
  stale.set_attempt_id("s1.1.7");
  SayWindows(agent, stale, 1, 1);
  ExpectFields("sent a window", "s1.1.7", agent.agent_id);
  stale.set_attempt_id("of no form\n");
  SayStarted(agent, stale);
  ExpectFields("sent a start", "", agent.agent_id);
}

TEST_F(Logged, WhatARestartFinds) {
  memory.sweeps.at(1).state = v1::SWEEP_STATE_CANCELLED;
  Restart();
  ExpectFields("has no live job", "s1.1.1", agent.agent_id);
}

TEST_F(Logged, NoSecret) {
  SayWindows(agent, assign, 2, 3);
  v1::Assign stale = assign;
  stale.set_attempt_id("s1.1.7");
  SayStarted(agent, stale);
  NewProcess(agent);
  Attach(agent, {InHand(stale), InHand(assign)});
  const auto token = coordinator->CreateToken({}, now, effects);
  ASSERT_TRUE(token.ok());
  v1::EnrollRequest request;
  request.set_join_token(token->secret);
  request.set_credential_sha256(std::string(64, 'c'));
  ASSERT_TRUE(coordinator->Enroll(request, now, effects).ok());
  Commit();
  ASSERT_GE(log.size(), 6u);
  for (const LogEntry& entry : log) {
    std::string all = entry.text;
    for (const std::string* id :
         {&entry.fields.sweep_id, &entry.fields.job_id, &entry.fields.attempt_id, &entry.fields.agent_id})
      all += " " + *id;
    for (const std::string& secret : {assign.lease_token(), agent.credential, token->secret})
      EXPECT_THAT(all, Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace rsg::schedule
