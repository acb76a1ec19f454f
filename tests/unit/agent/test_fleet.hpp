// A coordinator of a few lines: real gRPC and TLS on port 0, says what the test wants it to say.
#pragma once
#include <grpcpp/server.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/join.hpp"
#include "common/tls.hpp"
#include "rsg/v1/fleet.grpc.pb.h"

namespace rsg::agent {

/// Thread-safe. `answer` runs on gRPC's threads, for every message of an agent.
class TestFleet final : public v1::Fleet::Service {
 public:
  using Answer = std::function<std::deque<v1::CoordinatorMessage>(const v1::AgentMessage&)>;

  explicit TestFleet(Answer answer = nullptr);
  ~TestFleet() override;

  void Start(int port = 0, bool tls = true);
  void Stop();
  int port() const { return port_; }
  JoinLine Join() const;

  /// Every stream ends with this status from now on, as soon as its agent says something.
  void RefuseAttach(const grpc::Status& status);

  /// As if the coordinator had been set up anew: no credential is known.
  void ForgetAgents();

  /// Forgets the messages so far.
  void Clear();

  /// Waits until `done` holds of all messages so far; false when it takes more than 20 s.
  bool WaitFor(const std::function<bool(const std::deque<v1::AgentMessage>&)>& done);
  /// Waits until an agent has ended its stream in good order.
  bool WaitForGoodbye();
  std::string credential_sha256() const;

 private:
  grpc::Status Enroll(grpc::ServerContext*, const v1::EnrollRequest* request, v1::EnrollResponse* response) override;
  grpc::Status Attach(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::AgentMessage>* stream) override;

  const Answer answer_;
  std::filesystem::path folder_;
  ServerIdentity identity_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::AgentMessage> messages_;      // guarded by mutex_
  std::string credential_sha256_;              // guarded by mutex_
  std::optional<grpc::Status> refuse_attach_;  // guarded by mutex_
  int goodbyes_ = 0;                           // guarded by mutex_
};

}  // namespace rsg::agent
