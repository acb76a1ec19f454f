// What Apply has stored, Load and the tables give back.
#include "absl/strings/str_cat.h"
#include "fixture.hpp"

namespace rsg::store {
namespace {

using LoadTest = StoreTest;
using namespace schedule;

std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST_F(LoadTest, AFreshDatabaseIsEmptyAndPrivate) {
  auto store = OpenStore();
  const auto snapshot = store->Load();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(Text(*snapshot), Text(Snapshot{}));
  const auto permissions = std::filesystem::status(database_).permissions();
  EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(LoadTest, EveryFieldComesBackAfterReopening) {
  Snapshot expected;
  expected.last_sweep = 7;
  expected.tokens = {TokenOf("t-1"), TokenOf("t-2")};
  expected.tokens[1].revoked = true;
  expected.agents = {AgentOf("a-1"), AgentOf("a-2")};
  expected.agents[1].draining = true;
  expected.agents[1].token_id.clear();
  expected.sweeps = {SweepOf(3), SweepOf(7)};
  expected.sweeps[1].request_id.clear();
  expected.sweeps[1].device_kind = v1::DEVICE_KIND_UNSPECIFIED;
  expected.sweeps[1].state = v1::SWEEP_STATE_QUEUED;
  expected.jobs = {JobOf(3, 1), JobOf(3, 2), EndedJob(JobOf(7, 1), v1::OUTCOME_SKIPPED)};
  expected.jobs[0].state = v1::JOB_STATE_RUNNING;
  expected.jobs[0].attempts = 2;
  expected.jobs[0].losses = 1;
  expected.jobs[1].failures = 4;
  expected.jobs[2].reason = "s7.3 ran out of memory at batch size 32";
  expected.jobs[2].gave_slot_away = true;
  expected.attempts = {AttemptOf({{3, 1}, 2})};
  expected.attempts[0].state = v1::JOB_STATE_RUNNING;
  expected.attempts[0].started_unix = 1700000002.5;
  expected.attempts[0].last_sequence = 5;

  Changes changes;
  for (const auto& token : expected.tokens) changes.push_back(PutToken{token});
  for (const auto& agent : expected.agents) changes.push_back(PutAgent{agent});
  for (const auto& sweep : expected.sweeps) changes.push_back(PutSweep{sweep});
  for (const auto& job : expected.jobs) changes.push_back(PutJob{job});
  for (const auto& attempt : expected.attempts) changes.push_back(InsertAttempt{attempt});
  ASSERT_TRUE(OpenStore()->Apply(changes).ok());

  const auto loaded = OpenStore()->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(Text(*loaded), Text(expected));
}

TEST_F(LoadTest, PuttingAgainReplacesTheRecord) {
  auto store = OpenStore();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  auto token = TokenOf("t-1");
  token.uses_left = 0;
  auto agent = AgentOf("a-1");
  agent.instance_id = "instance 2";
  agent.machine.set_hostname("renamed");
  auto sweep = SweepOf(1);
  sweep.state = v1::SWEEP_STATE_QUEUED;
  auto job = JobOf(1, 1);
  job.attempts = 1;
  job.state = v1::JOB_STATE_ASSIGNED;
  const Changes again{PutToken{token}, PutAgent{agent}, PutSweep{sweep}, PutJob{job}};
  ASSERT_TRUE(store->Apply(again).ok());
  ASSERT_TRUE(store->Apply(again).ok());

  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  Snapshot expected;
  expected.last_sweep = 1;
  expected.tokens = {token};
  expected.agents = {agent};
  expected.sweeps = {sweep};
  expected.jobs = {job, JobOf(1, 2)};
  expected.attempts = {AttemptOf({{1, 1}, 1})};
  EXPECT_EQ(Text(*loaded), Text(expected));
}

TEST_F(LoadTest, EndedSweepsAndAttemptsStayOnDiskOnly) {
  auto store = OpenStore();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  ASSERT_TRUE(store->Apply(CompletedJob(JobOf(1, 3), 900)).ok());
  auto cancelled = SweepOf(2);
  cancelled.state = v1::SWEEP_STATE_CANCELLED;
  cancelled.ended_unix = 1700000050;
  ASSERT_TRUE(store->Apply(Changes{PutSweep{cancelled}, PutJob{EndedJob(JobOf(2, 1), v1::OUTCOME_CANCELLED)}}).ok());

  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->last_sweep, 2);
  ASSERT_EQ(loaded->sweeps.size(), 1U);
  EXPECT_EQ(loaded->sweeps[0].sweep, 1);
  ASSERT_EQ(loaded->jobs.size(), 3U);
  EXPECT_EQ(loaded->jobs[2].outcome, v1::OUTCOME_COMPLETED);
  ASSERT_EQ(loaded->attempts.size(), 1U);
  EXPECT_EQ(Id(loaded->attempts[0].key), "s1.1.1");
}

TEST_F(LoadTest, ALifeOfAnAttemptIsStored) {
  auto store = OpenStore();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  const AttemptKey key{{1, 1}, 1};
  ASSERT_TRUE(store->Apply(Changes{StartAttempt{key, kLease, 1700000002}}).ok());
  ASSERT_TRUE(store->Apply(Changes{AppendWindows{key, kLease, WindowsOf(1, 3)}}).ok());
  ASSERT_TRUE(store->Apply(Changes{AppendWindows{key, kLease, WindowsOf(4, 5)}, AppendWindows{key, kLease, {}}}).ok());

  auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  auto expected = AttemptOf(key);
  expected.state = v1::JOB_STATE_RUNNING;
  expected.started_unix = 1700000002;
  expected.last_sequence = 5;
  ASSERT_EQ(loaded->attempts.size(), 1U);
  EXPECT_EQ(Text(loaded->attempts[0]), Text(expected));
  EXPECT_EQ(AskOne("SELECT * FROM windows WHERE sequence = 1"),
            "1|1|1|1|4|256|0.501|0.51|0.5|1" + Repeated("|NULL", 16));  // nothing was read
  EXPECT_EQ(AskOne("SELECT COUNT(*), MAX(sequence), SUM(warm_up) FROM windows"), "5|5|1");

  auto end = EndOf(key, v1::OUTCOME_FAILED);
  end.error = "killed by SIGKILL";
  end.log_tail = "last line";
  ASSERT_TRUE(store->Apply(Changes{end}).ok());
  EXPECT_EQ(AskOne("SELECT state, outcome, error, log_tail, runtime_seconds, ended_unix FROM attempts"),
            "ENDED|FAILED|killed by SIGKILL|last line|33.5|1700000040.5");
  EXPECT_TRUE(store->Load()->attempts.empty());
}

// Windows have no JSON beside their columns: a field that the vocabulary gains needs a column.
TEST_F(LoadTest, WindowsHaveAColumnForEachField) {
  auto store = OpenStore();
  const auto expect_columns = [this](const google::protobuf::Descriptor* type, const auto& self) -> void {
    for (int i = 0; i < type->field_count(); ++i) {
      const auto* field = type->field(i);
      if (field->message_type() != nullptr) {
        self(field->message_type(), self);
        continue;
      }
      const std::string& name = field->name();
      EXPECT_EQ(AskOne("SELECT COUNT(*) FROM pragma_table_info('windows') WHERE name = '" + name + "'"), "1") << name;
    }
  };
  expect_columns(v1::Window::descriptor(), expect_columns);
}

TEST_F(LoadTest, ReadingsOfAWindowAreStoredEachInItsColumn) {
  auto store = OpenStore();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  const AttemptKey key{{1, 1}, 1};
  auto windows = WindowsOf(1, 2);
  windows[0].set_drained_share(0.5);
  // Each field gets a number of its own, so that two columns that are mixed up are found.
  auto* telemetry = windows[0].mutable_telemetry();
  std::string expected = "0.5";
  const auto* type = v1::Telemetry::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    const bool real = field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE;
    if (real)
      telemetry->GetReflection()->SetDouble(telemetry, field, i + 1.25);
    else
      telemetry->GetReflection()->SetUInt32(telemetry, field, static_cast<std::uint32_t>(i + 1));
    absl::StrAppend(&expected, "|", i + 1, real ? ".25" : "");
  }
  windows[1].mutable_telemetry()->set_readings(3);  // a machine that tells nothing else
  ASSERT_TRUE(store->Apply(Changes{AppendWindows{key, kLease, windows}}).ok());
  std::string columns = "drained_share";
  for (int i = 0; i < type->field_count(); ++i) absl::StrAppend(&columns, ", ", type->field(i)->name());
  EXPECT_EQ(AskOne("SELECT " + columns + " FROM windows WHERE sequence = 1"), expected);
  EXPECT_EQ(AskOne("SELECT " + columns + " FROM windows WHERE sequence = 2"),
            "NULL|3" + Repeated("|NULL", type->field_count() - 1));
}

TEST_F(LoadTest, WhatControlJobsHaveMeasuredComesWithTheirSweep) {
  auto store = OpenStore();
  ASSERT_TRUE(store->Apply(BaseChanges()).ok());
  auto control = JobOf(1, 3);
  control.role = v1::ROLE_CONTROL;
  ASSERT_TRUE(store->Apply(CompletedJob(control, 900)).ok());
  ASSERT_TRUE(store->Apply(CompletedJob(JobOf(1, 4), 800)).ok());
  auto waiting = JobOf(1, 5);
  waiting.role = v1::ROLE_CONTROL;
  ASSERT_TRUE(store->Apply(Changes{PutJob{waiting}, PutSweep{SweepOf(2)}}).ok());
  auto of_ended = SweepOf(2);
  of_ended.state = v1::SWEEP_STATE_COMPLETED;
  control.key = {2, 1};
  ASSERT_TRUE(store->Apply(CompletedJob(control, 700)).ok());
  ASSERT_TRUE(store->Apply(Changes{PutSweep{of_ended}}).ok());

  const auto loaded = store->Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->controls.size(), 1U) << "of the open sweep, and measured";
  EXPECT_EQ(loaded->controls[0].job_id(), "s1.3");
  EXPECT_EQ(loaded->controls[0].throughput(), 900);
  EXPECT_EQ(loaded->controls[0].agent_name(), "name of a-1");
  EXPECT_EQ(loaded->jobs.at(2).role, v1::ROLE_CONTROL);
  EXPECT_EQ(loaded->jobs.at(3).role, v1::ROLE_MEASUREMENT);
}

}  // namespace
}  // namespace rsg::store
