// A coordinator that says what the test wants, over TLS, and a client of it.
#pragma once
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/tls.hpp"
#include "coordinator/cli/client.hpp"

namespace rsg::cli {

using Writer = grpc::ServerWriter<v1::SweepStatus>;

class FakeControl : public v1::Control::Service {
 public:
  /// What each WatchSweep call does, in order; the last one again and again.
  std::vector<std::function<grpc::Status(grpc::ServerContext*, Writer*)>> watches;
  std::vector<std::string> watched;  // sweep ids asked for
  std::vector<std::string> request_ids;
  std::string authorization;
  int refusals = 0;  // of SubmitSweep, before it answers

  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request, Writer* writer) override {
    std::size_t call = 0;
    {
      const std::lock_guard lock(mutex_);
      watched.push_back(request->sweep_id());
      call = std::min(watched.size(), watches.size()) - 1;
    }
    return watches[call](context, writer);
  }

  grpc::Status ListAgents(grpc::ServerContext*, const v1::ListAgentsRequest*,
                          v1::ListAgentsResponse* response) override {
    for (int i = 0; i < 10'000; ++i) {
      v1::Agent& agent = *response->add_agents();
      agent.set_agent_id(std::to_string(i));
      agent.mutable_machine()->set_hostname(std::string(i == 0 ? 16'000 : 1'000, 'x'));
    }
    return grpc::Status::OK;
  }

  grpc::Status SubmitSweep(grpc::ServerContext* context, const v1::SubmitSweepRequest* request,
                           v1::SubmitSweepResponse* response) override {
    const std::lock_guard lock(mutex_);
    const auto found = context->client_metadata().find("authorization");
    if (found != context->client_metadata().end())
      authorization = std::string(found->second.data(), found->second.size());
    request_ids.push_back(request->request_id());
    if (refusals-- > 0) return {grpc::StatusCode::UNAVAILABLE, "restarting"};
    response->set_sweep_id("s7");
    return grpc::Status::OK;
  }

 private:
  std::mutex mutex_;
};

/// Of sweep s7, which has two jobs.
inline v1::SweepStatus Status(v1::SweepState state, std::uint32_t completed) {
  v1::SweepStatus sweep;
  sweep.set_sweep_id("s7");
  sweep.set_state(state);
  sweep.mutable_counts()->set_total(2);
  sweep.mutable_counts()->set_completed(completed);
  return sweep;
}

inline grpc::Status WaitForCancel(grpc::ServerContext* context) {
  while (!context->IsCancelled()) usleep(5'000);
  return grpc::Status::CANCELLED;
}

class FakeCoordinatorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "rsg-watch-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const auto identity = LoadOrMakeIdentity(folder_);
    ASSERT_TRUE(identity.ok()) << identity.status();
    identity_ = *identity;
    StartServer();
    client_ = std::make_unique<Client>(
        JoinLine{.kind = JoinKind::kOperator, .address = Address(), .ca_pem = identity->ca_pem, .secret = "secret"});
  }
  void TearDown() override {
    client_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
    std::filesystem::remove_all(folder_);
  }

  // On the same port each time.
  void StartServer() {
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({identity_.key_pem, identity_.certificate_pem});
    grpc::ServerBuilder builder;
    builder.AddListeningPort(Address(), grpc::SslServerCredentials(tls), &port_);
    builder.RegisterService(&control_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }

  std::filesystem::path folder_;
  ServerIdentity identity_;
  int port_ = 0;
  FakeControl control_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
};

}  // namespace rsg::cli
