// A scripted agent over real gRPC and TLS, and an operator.
#pragma once
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/join.hpp"
#include "coordinator/server/server.hpp"
#include "folder.hpp"
#include "messages.hpp"
#include "rsg/v1/control.grpc.pb.h"
#include "rsg/v1/fleet.grpc.pb.h"

namespace rsg::server {

class TestAgent {
 public:
  /// Knows the coordinator by `join_line`; `number` is its identity.
  TestAgent(const std::string& join_line, const std::string& name, int number);

  grpc::Status Enrol();
  /// Opens the stream and says Hello with what is in hand.
  void Attach(const std::vector<v1::AttemptInHand>& in_hand = {});
  bool Say(const v1::AgentMessage& message) { return stream_->Write(message); }
  /// Reads until a message that `wanted` takes, and keeps the jobs that come before it for NextAssign; nothing when the
  /// stream ends first (at most after ten seconds).
  std::optional<v1::CoordinatorMessage> Next(const std::function<bool(const v1::CoordinatorMessage&)>& wanted);
  v1::Assign NextAssign();
  std::uint32_t NextAck();
  /// One job from Assign to FinishedAck.
  bool CompleteOne(std::uint32_t windows = 3);
  /// Half-closes and reads to the end.
  grpc::Status Leave();
  /// Reads to the end.
  grpc::Status End();
  /// Breaks the stream.
  void Break();

  void Dial(const std::string& join_line);
  std::string secret;

 private:
  std::string name_;
  int number_;
  std::deque<v1::Assign> ahead_;
  JoinLine line_;
  std::unique_ptr<v1::Fleet::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::CoordinatorMessage>> stream_;
};

class ServerTest : public testing::Test {
 protected:
  /// Starts it on the folder, on the same port when it is started again.
  void Start();
  void Stop() { server_.reset(); }
  virtual ServerOptions Options() const;

  /// Calls as the operator.
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    Prepare(&context);
    return ((*control_).*method)(&context, request, response);
  }
  template <typename Request, typename Message>
  grpc::Status Stream(std::unique_ptr<grpc::ClientReader<Message>> (v1::Control::Stub::*method)(grpc::ClientContext*,
                                                                                                const Request&),
                      const Request& request, std::vector<Message>* messages) {
    grpc::ClientContext context;
    Prepare(&context);
    const auto reader = ((*control_).*method)(&context, request);
    Message message;
    while (reader->Read(&message)) messages->push_back(message);
    return reader->Finish();
  }
  void Prepare(grpc::ClientContext* context) const;
  v1::SubmitSweepResponse Submit(std::uint32_t batch_sizes, const std::string& request_id = "");
  v1::SweepStatus Status(const std::string& sweep);

  Folder folder_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::Control::Stub> control_;
  JoinLine operator_;
  int requests_ = 0;
};

v1::AttemptInHand InHand(const v1::Assign& assign, std::uint32_t last_sequence);

}  // namespace rsg::server
