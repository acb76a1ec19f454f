// Scripts over real gRPC: uploaded by the operator, fetched by the agent whose job it is, by nobody else.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "common/channel.hpp"
#include "common/script.hpp"
#include "common/secret.hpp"
#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

class Scripts : public ServerTest {
 protected:
  void SetUp() override {
    Start();
    agent_ = std::make_unique<TestAgent>(server_->join_line(), "one", 1);
    ASSERT_TRUE(agent_->Enrol().ok());
    agent_->Attach();
    ASSERT_TRUE(agent_->Next([](const auto& m) { return m.has_welcome(); }));
  }

  v1::PrepareScriptRequest Whole() const {
    v1::PrepareScriptRequest script;
    script.set_sha256(Sha256Hex(content_));
    script.set_bytes(static_cast<std::uint32_t>(content_.size()));
    return script;
  }
  v1::PrepareScriptResponse Prepared() {
    v1::PrepareScriptResponse response;
    const auto status = Call(&v1::Control::Stub::PrepareScript, Whole(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // Sends content_ from `offset` up to `end` and ends the call.
  grpc::Status Upload(std::size_t offset, std::size_t end, const std::string& other_content = "") {
    constexpr std::size_t kChunk = 100'000;
    const std::string& content = other_content.empty() ? content_ : other_content;
    grpc::ClientContext context;
    Prepare(&context);
    v1::UploadScriptResponse response;
    const auto writer = control_->UploadScript(&context, &response);
    v1::UploadScriptRequest message;
    *message.mutable_script() = Whole();
    writer->Write(message);
    message.clear_script();
    for (; offset < end; offset += message.chunk().data().size()) {
      message.mutable_chunk()->set_offset(static_cast<std::uint32_t>(offset));
      message.mutable_chunk()->set_data(content.substr(offset, std::min(kChunk, end - offset)));
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }

  v1::SubmitSweepRequest Sweep(const std::string& request_id) const {
    v1::SubmitSweepRequest request = MakeSubmit(request_id, 1);
    request.mutable_spec()->clear_models();
    v1::Script& script = *request.mutable_spec()->add_scripts();
    script.set_name("net");
    script.set_sha256(Whole().sha256());
    script.set_bytes(Whole().bytes());
    return request;
  }
  grpc::Status SubmitScript(v1::SubmitSweepResponse* response) {
    return Call(&v1::Control::Stub::SubmitSweep, Sweep("request"), response);
  }

  // As an agent with this credential; what came is appended to `content`.
  /// As an agent does, it tries again while its call before stands, whose end it has heard of before the coordinator.
  grpc::Status Fetch(const std::string& credential, const v1::FetchScriptRequest& request, std::string* content) {
    grpc::Status status;
    for (int tries = 0; tries < 500; ++tries) {
      status = FetchOnce(credential, request, content);
      if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return status;
  }
  grpc::Status FetchOnce(const std::string& credential, const v1::FetchScriptRequest& request, std::string* content) {
    JoinLine line = *ParseJoinLine(server_->join_line(), JoinKind::kAgent);
    const auto stub = v1::Fleet::NewStub(MakeChannel(line));
    grpc::ClientContext context;
    Authorize(&context, credential);
    const auto reader = stub->FetchScript(&context, request);
    v1::ScriptChunk chunk;
    while (reader->Read(&chunk)) {
      EXPECT_EQ(chunk.offset(), request.offset() + content->size());
      EXPECT_LE(chunk.data().size(), 256u << 10);
      *content += chunk.data();
    }
    return reader->Finish();
  }
  static v1::FetchScriptRequest Ask(const v1::Assign& assign, std::uint32_t offset = 0) {
    v1::FetchScriptRequest request;
    request.set_attempt_id(assign.attempt_id());
    request.set_lease_token(assign.lease_token());
    request.set_sha256(assign.cell().script().sha256());
    request.set_offset(offset);
    return request;
  }

  // More than two chunks, and no chunk like another.
  static std::string MakeContent() {
    std::string content;
    while (content.size() < 700'000) content += std::to_string(content.size()) + ";";
    return content;
  }
  const std::string content_ = MakeContent();
  std::unique_ptr<TestAgent> agent_;
};

TEST_F(Scripts, AreUploadedOnceAndFetchedByTheAgentWhoseJobItIs) {
  EXPECT_FALSE(Prepared().stored());
  const grpc::Status sent = Upload(0, content_.size());
  ASSERT_TRUE(sent.ok()) << sent.error_message();
  EXPECT_TRUE(Prepared().stored());
  v1::SubmitSweepResponse submitted;
  ASSERT_TRUE(SubmitScript(&submitted).ok());
  EXPECT_EQ(submitted.jobs(), 1u);
  const v1::Assign assign = agent_->NextAssign();
  EXPECT_EQ(assign.cell().model(), "script:net");
  EXPECT_EQ(assign.cell().image_size(), 224u);
  std::string fetched;
  const grpc::Status status = Fetch(agent_->secret, Ask(assign), &fetched);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(fetched == content_);
  fetched.clear();
  EXPECT_TRUE(Fetch(agent_->secret, Ask(assign, 300'000), &fetched).ok());
  EXPECT_TRUE(fetched == content_.substr(300'000)) << "it goes on where it was cut";
  agent_->Say(MakeStarted(assign));
  agent_->Say(MakeWindows(assign, 1, 2));
  agent_->Say(MakeFinished(assign, 2));
  ASSERT_TRUE(agent_->Next([](const auto& m) { return m.has_finished_ack(); })->finished_ack().accepted());
  std::vector<v1::ResultRow> rows;
  EXPECT_TRUE(Stream(&v1::Control::Stub::QueryResults, v1::QueryResultsRequest(), &rows).ok());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].job().cell().script().sha256(), Whole().sha256());
}

TEST_F(Scripts, AreGivenToNobodyElse) {
  ASSERT_TRUE(Upload(0, content_.size()).ok());
  v1::SubmitSweepResponse submitted;
  ASSERT_TRUE(SubmitScript(&submitted).ok());
  const v1::Assign assign = agent_->NextAssign();
  std::string fetched;
  EXPECT_EQ(Fetch("", Ask(assign), &fetched).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Fetch("nobody", Ask(assign), &fetched).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  TestAgent other(server_->join_line(), "two", 2);
  ASSERT_TRUE(other.Enrol().ok());
  EXPECT_EQ(Fetch(other.secret, Ask(assign), &fetched).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  v1::FetchScriptRequest stale = Ask(assign);
  stale.set_lease_token(std::string(32, 'f'));
  EXPECT_EQ(Fetch(agent_->secret, stale, &fetched).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  v1::FetchScriptRequest another = Ask(assign);
  another.set_sha256(std::string(64, '0'));
  EXPECT_EQ(Fetch(agent_->secret, another, &fetched).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  another.set_sha256("../rsg.db");
  EXPECT_EQ(Fetch(agent_->secret, another, &fetched).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Fetch(agent_->secret, Ask(assign, 4'000'000), &fetched).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(fetched, "");
}

TEST_F(Scripts, AnUploadGoesOnWhereItWasCut) {
  EXPECT_FALSE(Upload(0, 300'000).ok()) << "it is not whole";
  EXPECT_EQ(Prepared().offset(), 300'000u);
  const auto upload_from = [&](std::size_t offset) {
    grpc::Status sent;
    for (int tries = 0; tries < 500; ++tries) {  // the call before may still stand, for the server
      sent = Upload(offset, content_.size());
      if (sent.error_code() != grpc::StatusCode::ABORTED) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return sent;
  };
  EXPECT_EQ(upload_from(200'000).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const grpc::Status sent = upload_from(300'000);
  EXPECT_TRUE(sent.ok()) << sent.error_message();
  EXPECT_TRUE(Prepared().stored());
}

TEST_F(Scripts, AFileWithAnotherChecksumIsThrownAway) {
  const grpc::Status sent = Upload(0, content_.size(), std::string(content_.size(), 'x'));
  EXPECT_EQ(sent.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_FALSE(Prepared().stored());
  EXPECT_EQ(Prepared().offset(), 0u);
}

TEST_F(Scripts, ASweepWithoutItsFileIsRefused) {
  v1::SubmitSweepResponse submitted;
  const grpc::Status status = SubmitScript(&submitted);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("--script"));
}

TEST_F(Scripts, MalformedRequestsAreRefused) {
  v1::PrepareScriptResponse response;
  v1::PrepareScriptRequest request = Whole();
  request.set_sha256("../../etc/passwd");
  EXPECT_EQ(Call(&v1::Control::Stub::PrepareScript, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request = Whole();
  request.set_bytes(3'000'000'000);
  const grpc::Status large = Call(&v1::Control::Stub::PrepareScript, request, &response);
  EXPECT_EQ(large.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(large.error_message(), HasSubstr("2048 MiB"));
  grpc::ClientContext context;
  Prepare(&context);
  v1::UploadScriptResponse uploaded;
  const auto writer = control_->UploadScript(&context, &uploaded);
  writer->WritesDone();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "nothing was said";
  v1::SubmitSweepResponse submitted;
  v1::SubmitSweepRequest outside = Sweep("outside");
  outside.mutable_spec()->mutable_scripts(0)->set_sha256("../rsg.db");
  EXPECT_EQ(Call(&v1::Control::Stub::SubmitSweep, outside, &submitted).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::SubmitSweepRequest twice = Sweep("twice");
  *twice.mutable_spec()->add_scripts() = twice.spec().scripts(0);
  EXPECT_EQ(Call(&v1::Control::Stub::SubmitSweep, twice, &submitted).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace rsg::server
