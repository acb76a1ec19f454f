// The operator's calls over real gRPC.
#include <gmock/gmock.h>

#include <chrono>

#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

class Operator : public ServerTest {
 protected:
  void SetUp() override {
    Start();
    agent_ = std::make_unique<TestAgent>(server_->join_line(), "one", 1);
    ASSERT_TRUE(agent_->Enrol().ok());
    agent_->Attach();
    ASSERT_TRUE(agent_->Next([](const auto& m) { return m.has_welcome(); }));
  }
  grpc::Status Cancel(const std::string& sweep, v1::CancelSweepResponse* response) {
    v1::CancelSweepRequest request;
    request.set_sweep_id(sweep);
    return Call(&v1::Control::Stub::CancelSweep, request, response);
  }
  grpc::Status Retry(const std::string& sweep, v1::RetrySweepResponse* response) {
    v1::RetrySweepRequest request;
    request.set_sweep_id(sweep);
    return Call(&v1::Control::Stub::RetrySweep, request, response);
  }
  std::unique_ptr<TestAgent> agent_;
};

TEST_F(Operator, RefusalNamesFieldAndRemedy) {
  v1::SubmitSweepRequest request = MakeSubmit("bad", 1);
  request.mutable_spec()->set_models(0, "resnet51");
  v1::SubmitSweepResponse response;
  grpc::Status status = Call(&v1::Control::Stub::SubmitSweep, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("resnet51"));
  request = MakeSubmit("bad", 1);
  request.mutable_spec()->add_precisions(v1::PRECISION_FP16);
  status = Call(&v1::Control::Stub::SubmitSweep, request, &response);
  EXPECT_THAT(status.error_message(), HasSubstr("fp16"));
  v1::ListSweepsResponse sweeps;
  EXPECT_TRUE(Call(&v1::Control::Stub::ListSweeps, v1::ListSweepsRequest(), &sweeps).ok());
  EXPECT_EQ(sweeps.sweeps_size(), 0);
}

TEST_F(Operator, WatchShowsProgressAndTheEnd) {
  Submit(2);
  grpc::ClientContext context;
  Prepare(&context);
  const auto reader = control_->WatchSweep(&context, v1::WatchSweepRequest());
  v1::SweepStatus status;
  ASSERT_TRUE(reader->Read(&status));
  EXPECT_EQ(status.sweep_id(), "s1") << "the newest";
  EXPECT_EQ(status.counts().total(), 2u);
  EXPECT_TRUE(agent_->CompleteOne());
  EXPECT_TRUE(agent_->CompleteOne());
  while (reader->Read(&status)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(status.state(), v1::SWEEP_STATE_COMPLETED);
  EXPECT_EQ(status.counts().completed(), 2u);

  // One that has ended is one message.
  v1::WatchSweepRequest request;
  request.set_sweep_id("s1");
  std::vector<v1::SweepStatus> ended;
  EXPECT_TRUE(Stream(&v1::Control::Stub::WatchSweep, request, &ended).ok());
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].counts().completed(), 2u);
  EXPECT_EQ(ended[0].cells(), 2u);
  EXPECT_EQ(ended[0].devices(), 1u);
  request.set_sweep_id("s9");
  EXPECT_EQ(Stream(&v1::Control::Stub::WatchSweep, request, &ended).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_sweep_id("nonsense");
  EXPECT_EQ(Stream(&v1::Control::Stub::WatchSweep, request, &ended).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(Operator, WatcherThatGoesAwayIsForgotten) {
  Submit(1);
  {
    grpc::ClientContext context;
    Prepare(&context);
    const auto reader = control_->WatchSweep(&context, v1::WatchSweepRequest());
    v1::SweepStatus status;
    ASSERT_TRUE(reader->Read(&status));
    context.TryCancel();
    reader->Finish();
  }
  EXPECT_TRUE(agent_->CompleteOne());
  EXPECT_EQ(Status("s1").state(), v1::SWEEP_STATE_COMPLETED);
}

TEST_F(Operator, JobsComeInPages) {
  v1::SubmitSweepRequest request = MakeSubmit("many", 250);
  request.mutable_spec()->set_repeats(2);
  v1::SubmitSweepResponse response;
  ASSERT_TRUE(Call(&v1::Control::Stub::SubmitSweep, request, &response).ok());
  EXPECT_EQ(response.jobs(), 500u);
  const v1::Assign assign = agent_->NextAssign();
  agent_->Say(MakeWindows(assign, 1, 2));
  EXPECT_EQ(agent_->NextAck(), 2u);
  std::vector<v1::Job> jobs;
  v1::ListJobsRequest list;
  list.set_sweep_id("s1");
  ASSERT_TRUE(Stream(&v1::Control::Stub::ListJobs, list, &jobs).ok());
  ASSERT_EQ(jobs.size(), 500u);
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i].job_id(), "s1." + std::to_string(i + 1));
  EXPECT_EQ(jobs[0].state(), v1::JOB_STATE_RUNNING);
  EXPECT_TRUE(jobs[0].has_elapsed_seconds());
  EXPECT_EQ(jobs[0].windows_stored(), 2u);
  list.set_sweep_id("s7");
  EXPECT_EQ(Stream(&v1::Control::Stub::ListJobs, list, &jobs).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(Operator, ControlCellsStandApartAndTheirDriftIsTold) {
  v1::SubmitSweepRequest request = MakeSubmit("controlled", 1);
  request.mutable_spec()->set_control(true);
  v1::SubmitSweepResponse response;
  ASSERT_TRUE(Call(&v1::Control::Stub::SubmitSweep, request, &response).ok());
  EXPECT_EQ(response.jobs(), 1u);
  grpc::ClientContext context;
  Prepare(&context);
  const auto reader = control_->WatchSweep(&context, v1::WatchSweepRequest());
  EXPECT_TRUE(agent_->CompleteOne());
  EXPECT_TRUE(agent_->CompleteOne());
  // At the end it takes twice as long.
  const v1::Assign assign = agent_->NextAssign();
  v1::AgentMessage finished = MakeFinished(assign, 2);
  v1::Result& result = *finished.mutable_attempt_finished()->mutable_result();
  result.set_seconds(2 * result.seconds());
  result.set_throughput(result.throughput() / 2);
  agent_->Say(MakeWindows(assign, 1, 2));
  agent_->Say(finished);
  EXPECT_TRUE(agent_->Next([](const auto& m) { return m.has_finished_ack(); })->finished_ack().accepted());
  v1::SweepStatus last;
  while (reader->Read(&last)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  std::vector<v1::SweepStatus> stored;
  EXPECT_TRUE(Stream(&v1::Control::Stub::WatchSweep, v1::WatchSweepRequest(), &stored).ok());
  ASSERT_EQ(stored.size(), 1u);
  for (const v1::SweepStatus& status : {last, stored[0]}) {  // from memory, from the store
    EXPECT_EQ(status.state(), v1::SWEEP_STATE_COMPLETED);
    EXPECT_EQ(status.cells(), 1u);
    EXPECT_EQ(status.counts().total(), 1u);
    ASSERT_EQ(status.drift_size(), 1);
    EXPECT_EQ(status.drift(0).agent_name(), "one");
    EXPECT_EQ(status.drift(0).share(), -0.5);
    EXPECT_EQ(status.drift(0).end().job_id(), "s1.3");
  }
  v1::ListSweepsResponse sweeps;
  EXPECT_TRUE(Call(&v1::Control::Stub::ListSweeps, v1::ListSweepsRequest(), &sweeps).ok());
  EXPECT_EQ(sweeps.sweeps(0).counts().total(), 1u);

  std::vector<v1::ResultRow> rows;
  EXPECT_TRUE(Stream(&v1::Control::Stub::QueryResults, v1::QueryResultsRequest(), &rows).ok());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].job().job_id(), "s1.2");
  v1::QueryResultsRequest controls;
  controls.set_role(v1::ROLE_CONTROL);
  EXPECT_TRUE(Stream(&v1::Control::Stub::QueryResults, controls, &rows).ok());
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].job().job_id(), "s1.1");
  EXPECT_EQ(rows[2].job().repeat(), 2u);
  std::vector<v1::Job> jobs;
  v1::ListJobsRequest list;
  list.set_sweep_id("s1");
  EXPECT_TRUE(Stream(&v1::Control::Stub::ListJobs, list, &jobs).ok());
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_EQ(jobs[0].role(), v1::ROLE_CONTROL);
  EXPECT_EQ(jobs[1].role(), v1::ROLE_MEASUREMENT);
}

TEST_F(Operator, CancelIsIdempotentAndKnowsWhatHasEnded) {
  Submit(2);
  const v1::Assign assign = agent_->NextAssign();
  v1::CancelSweepResponse response;
  ASSERT_TRUE(Cancel("s1", &response).ok());
  EXPECT_EQ(response.cancelled_jobs(), 2u);
  for (const char* attempt : {"s1.1.1", "s1.2.1"})
    EXPECT_TRUE(agent_->Next([&](const auto& m) { return m.has_cancel() && m.cancel().attempt_id() == attempt; }));
  EXPECT_TRUE(Cancel("s1", &response).ok());
  EXPECT_EQ(response.cancelled_jobs(), 0u);
  agent_->Say(MakeFinished(assign, 0, v1::OUTCOME_CANCELLED));
  Submit(1);
  EXPECT_TRUE(agent_->CompleteOne());
  EXPECT_EQ(Cancel("s2", &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Cancel("s3", &response).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Cancel("3", &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(Operator, RetryOpensAnEndedSweepAgain) {
  Submit(1);
  for (int i = 0; i < 2; ++i) agent_->Say(MakeFinished(agent_->NextAssign(), 0, v1::OUTCOME_FAILED));
  agent_->Next([](const auto& m) { return m.has_finished_ack(); });
  EXPECT_EQ(Status("s1").counts().failed(), 1u);
  v1::RetrySweepResponse response;
  ASSERT_TRUE(Retry("s1", &response).ok());
  EXPECT_EQ(response.queued_jobs(), 1u);
  EXPECT_TRUE(agent_->CompleteOne());
  EXPECT_EQ(Status("s1").counts().completed(), 1u);
  ASSERT_TRUE(Retry("s1", &response).ok());
  EXPECT_EQ(response.queued_jobs(), 0u);
  EXPECT_EQ(Retry("s5", &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(Operator, RepeatedRequestIsKnownEvenAfterItsSweepAndTheCoordinatorHaveEnded) {
  EXPECT_EQ(Submit(1, "once").sweep_id(), "s1");
  EXPECT_EQ(Submit(1, "once").sweep_id(), "s1");
  EXPECT_TRUE(agent_->CompleteOne());
  EXPECT_EQ(Submit(1, "once").sweep_id(), "s1");
  Stop();
  Start();
  const v1::SubmitSweepResponse again = Submit(1, "once");
  EXPECT_EQ(again.sweep_id(), "s1");
  EXPECT_EQ(again.cells(), 1u);
  EXPECT_EQ(again.jobs(), 1u);
  EXPECT_EQ(Submit(1, "twice").sweep_id(), "s2");
}

TEST_F(Operator, SeesAgentsAndDrainsThem) {
  v1::ListAgentsResponse agents;
  ASSERT_TRUE(Call(&v1::Control::Stub::ListAgents, v1::ListAgentsRequest(), &agents).ok());
  ASSERT_EQ(agents.agents_size(), 1);
  EXPECT_EQ(agents.agents(0).name(), "one");
  EXPECT_EQ(agents.agents(0).state(), v1::AGENT_STATE_IDLE);
  v1::DrainAgentRequest request;
  request.set_agent("one");
  v1::DrainAgentResponse response;
  ASSERT_TRUE(Call(&v1::Control::Stub::DrainAgent, request, &response).ok());
  EXPECT_TRUE(agent_->Next([](const auto& m) { return m.has_drain(); }));
  EXPECT_EQ(response.away_ids_size(), 0);
  EXPECT_TRUE(agent_->Leave().ok());
  // The coordinator notices a moment later that it has left.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  do {
    response.Clear();
    ASSERT_TRUE(Call(&v1::Control::Stub::DrainAgent, request, &response).ok());
    ASSERT_EQ(response.agent_ids_size(), 1);
  } while (response.away_ids_size() == 0 && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(response.away_ids_size(), 1);
  request.set_agent("nobody");
  EXPECT_EQ(Call(&v1::Control::Stub::DrainAgent, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(Operator, StreamsEndWhenTheCoordinatorStops) {
  Submit(1);
  grpc::ClientContext context;
  Prepare(&context);
  const auto reader = control_->WatchSweep(&context, v1::WatchSweepRequest());
  v1::SweepStatus status;
  ASSERT_TRUE(reader->Read(&status));
  Stop();
  while (reader->Read(&status)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace rsg::server
