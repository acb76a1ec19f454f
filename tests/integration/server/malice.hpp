// A coordinator with two agents over real gRPC and TLS: one that does its work, and one for what a test has it do.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "test_agent.hpp"

namespace rsg::server {

/// The same measurement in a five-hundredth of the time: so it can have happened.
v1::AgentMessage Quick(v1::AgentMessage message);

class Malice : public ServerTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::uint64_t Rejected(const std::string& reason) { return server_->Rejected()[reason]; }
  /// The one that works, whatever the other does: true when its next job ends well.
  bool GoodWorks();
  /// Bytes as they are on the agents' stream.
  grpc::Status SendRaw(const std::string& bytes);

  std::unique_ptr<TestAgent> good_;
  std::unique_ptr<TestAgent> evil_;
  double before_ = 0;
};

}  // namespace rsg::server
