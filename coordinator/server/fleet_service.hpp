// The agents' service, as wires only: who calls, how many at once, and every message to the core.
#pragma once
#include <atomic>
#include <string>

#include "coordinator/server/core.hpp"
#include "rsg/v1/fleet.grpc.pb.h"

namespace rsg::server {

class FleetService final : public v1::Fleet::CallbackService {
 public:
  /// `core` outlives all calls.
  explicit FleetService(Core* core) : core_(core) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context, const v1::EnrollRequest* request,
                                   v1::EnrollResponse* response) override;
  grpc::ServerBidiReactor<v1::AgentMessage, v1::CoordinatorMessage>* Attach(
      grpc::CallbackServerContext* context) override;

 private:
  Core* const core_;
  std::atomic<int> streams_{0};
  std::atomic<int> enrolling_{0};
};

}  // namespace rsg::server
