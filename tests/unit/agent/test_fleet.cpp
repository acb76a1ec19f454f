#include "test_fleet.hpp"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "common/secret.hpp"

namespace rsg::agent {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

std::filesystem::path TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "rsg-fleet-XXXXXX").string();
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  return pattern;
}

}  // namespace

TestFleet::TestFleet(Answer answer) : answer_(std::move(answer)), folder_(TemporaryFolder()) {
  auto identity = LoadOrMakeIdentity(folder_);
  EXPECT_TRUE(identity.ok()) << identity.status();
  identity_ = *std::move(identity);
}

TestFleet::~TestFleet() {
  Stop();
  std::filesystem::remove_all(folder_);
}

void TestFleet::Start(int port, bool tls) {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({identity_.key_pem, identity_.certificate_pem});
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port),
                           tls ? grpc::SslServerCredentials(options) : grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
}

void TestFleet::Stop() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

JoinLine TestFleet::Join() const {
  return {.kind = JoinKind::kAgent,
          .address = "127.0.0.1:" + std::to_string(port_),
          .ca_pem = identity_.ca_pem,
          .secret = "good token"};
}

void TestFleet::RefuseAttach(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  refuse_attach_ = status;
}

void TestFleet::ForgetAgents() {
  const std::lock_guard lock(mutex_);
  credential_sha256_.clear();
}

void TestFleet::Clear() {
  const std::lock_guard lock(mutex_);
  messages_.clear();
}

bool TestFleet::WaitFor(const std::function<bool(const std::deque<v1::AgentMessage>&)>& done) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return done(messages_); });
}

bool TestFleet::WaitForGoodbye() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return goodbyes_ > 0; });
}

std::string TestFleet::credential_sha256() const {
  const std::lock_guard lock(mutex_);
  return credential_sha256_;
}

grpc::Status TestFleet::Enroll(grpc::ServerContext*, const v1::EnrollRequest* request, v1::EnrollResponse* response) {
  if (request->join_token() != "good token") return {grpc::StatusCode::PERMISSION_DENIED, "join token is used up"};
  const std::lock_guard lock(mutex_);
  credential_sha256_ = request->credential_sha256();
  response->set_agent_id("a-1");
  return grpc::Status::OK;
}

grpc::Status TestFleet::Attach(grpc::ServerContext* context,
                               grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::AgentMessage>* stream) {
  const auto header = context->client_metadata().find("authorization");
  const std::string value =
      header == context->client_metadata().end() ? "" : std::string(header->second.data(), header->second.size());
  if (value.rfind("Bearer ", 0) != 0 || Sha256Hex(value.substr(7)) != credential_sha256())
    return {grpc::StatusCode::UNAUTHENTICATED, "credential is unknown"};
  v1::AgentMessage message;
  while (stream->Read(&message)) {
    {
      const std::lock_guard lock(mutex_);
      if (refuse_attach_) return *refuse_attach_;
      messages_.push_back(message);
    }
    changed_.notify_all();
    for (const v1::CoordinatorMessage& answer : answer_ ? answer_(message) : std::deque<v1::CoordinatorMessage>{}) {
      stream->Write(answer);
    }
  }
  if (context->IsCancelled()) return grpc::Status::CANCELLED;
  {
    const std::lock_guard lock(mutex_);
    ++goodbyes_;
  }
  changed_.notify_all();
  return grpc::Status::OK;
}

}  // namespace rsg::agent
