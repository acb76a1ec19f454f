#include "test_agent.hpp"

#include <chrono>

#include "common/channel.hpp"
#include "common/secret.hpp"

namespace rsg::server {
namespace {

std::chrono::system_clock::time_point Deadline() { return std::chrono::system_clock::now() + std::chrono::seconds(10); }

}  // namespace

TestAgent::TestAgent(const std::string& join_line, const std::string& name, int number)
    : secret(RandomHex(32)), name_(name), number_(number) {
  Dial(join_line);
}

void TestAgent::Dial(const std::string& join_line) {
  auto line = ParseJoinLine(join_line, JoinKind::kAgent);
  EXPECT_TRUE(line.ok()) << line.status();
  line_ = *std::move(line);
  stub_ = v1::Fleet::NewStub(MakeChannel(line_));
}

grpc::Status TestAgent::Enrol() {
  grpc::ClientContext context;
  context.set_deadline(Deadline());
  v1::EnrollRequest request;
  request.set_join_token(line_.secret);
  request.set_credential_sha256(Sha256Hex(secret));
  request.set_name(name_);
  v1::EnrollResponse response;
  return stub_->Enroll(&context, request, &response);
}

void TestAgent::Attach(const std::vector<v1::AttemptInHand>& in_hand) {
  stream_.reset();
  ahead_.clear();
  context_ = std::make_unique<grpc::ClientContext>();
  context_->set_deadline(Deadline());
  Authorize(context_.get(), secret);
  stream_ = stub_->Attach(context_.get());
  v1::AgentMessage hello = MakeHello(name_, number_);
  for (const auto& attempt : in_hand) *hello.mutable_hello()->add_attempts() = attempt;
  stream_->Write(hello);
}

std::optional<v1::CoordinatorMessage> TestAgent::Next(
    const std::function<bool(const v1::CoordinatorMessage&)>& wanted) {
  v1::CoordinatorMessage message;
  while (stream_->Read(&message)) {
    if (message.has_cancel())
      std::erase_if(ahead_, [&](const v1::Assign& it) { return it.attempt_id() == message.cancel().attempt_id(); });
    if (wanted(message)) return message;
    if (message.has_assign()) ahead_.push_back(message.assign());
  }
  return std::nullopt;
}

v1::Assign TestAgent::NextAssign() {
  if (!ahead_.empty()) {
    v1::Assign first = std::move(ahead_.front());
    ahead_.pop_front();
    return first;
  }
  const auto message = Next([](const auto& m) { return m.has_assign(); });
  EXPECT_TRUE(message) << "no Assign came";
  return message ? message->assign() : v1::Assign();
}

std::uint32_t TestAgent::NextAck() {
  const auto message = Next([](const auto& m) { return m.has_ack(); });
  EXPECT_TRUE(message) << "no Ack came";
  return message ? message->ack().sequence() : 0;
}

bool TestAgent::CompleteOne(std::uint32_t windows) {
  const v1::Assign assign = NextAssign();
  Say(MakeStarted(assign));
  Say(MakeWindows(assign, 1, windows));
  Say(MakeFinished(assign, windows));
  const auto message =
      Next([&](const auto& m) { return m.has_finished_ack() && m.finished_ack().attempt_id() == assign.attempt_id(); });
  return message && message->finished_ack().accepted();
}

grpc::Status TestAgent::Leave() {
  stream_->WritesDone();
  return End();
}

grpc::Status TestAgent::End() {
  v1::CoordinatorMessage message;
  while (stream_->Read(&message)) {
  }
  return stream_->Finish();
}

void TestAgent::Break() {
  context_->TryCancel();
  End();
  stream_.reset();
}

ServerOptions ServerTest::Options() const {
  ServerOptions options;
  options.state_folder = folder_.path() / "state";
  options.listen = server_ == nullptr && operator_.address.empty() ? "127.0.0.1:0" : operator_.address;
  options.settings.lost_after_seconds = 2;
  options.settings.heartbeat_seconds = 0.5;
  options.settings.kill_after_seconds = 0.5;
  options.shutdown_seconds = 1;
  return options;
}

void ServerTest::Start() {
  auto server = Server::Start(Options());
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  operator_ = *ParseJoinLine(server_->operator_line(), JoinKind::kOperator);
  control_ = v1::Control::NewStub(MakeChannel(operator_));
}

void ServerTest::Prepare(grpc::ClientContext* context) const {
  context->set_deadline(Deadline());
  context->set_wait_for_ready(true);
  Authorize(context, operator_.secret);
}

v1::SubmitSweepResponse ServerTest::Submit(std::uint32_t batch_sizes, const std::string& request_id) {
  v1::SubmitSweepResponse response;
  const std::string id = request_id.empty() ? "request " + std::to_string(++requests_) : request_id;
  const auto status = Call(&v1::Control::Stub::SubmitSweep, MakeSubmit(id, batch_sizes), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::SweepStatus ServerTest::Status(const std::string& sweep) {
  v1::ListSweepsResponse response;
  EXPECT_TRUE(Call(&v1::Control::Stub::ListSweeps, v1::ListSweepsRequest(), &response).ok());
  for (const v1::SweepStatus& status : response.sweeps())
    if (status.sweep_id() == sweep) return status;
  return {};
}

v1::AttemptInHand InHand(const v1::Assign& assign, std::uint32_t last_sequence) {
  v1::AttemptInHand attempt;
  attempt.set_attempt_id(assign.attempt_id());
  attempt.set_lease_token(assign.lease_token());
  attempt.set_last_sequence(last_sequence);
  return attempt;
}

}  // namespace rsg::server
