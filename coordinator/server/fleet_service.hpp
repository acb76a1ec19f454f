// The agents' service, as wires only: who calls, how many at once, and every message to the core.
#pragma once
#include <atomic>

#include "common/content_store.hpp"
#include "coordinator/server/core.hpp"
#include "coordinator/server/fetch_gate.hpp"
#include "coordinator/server/peer_gate.hpp"
#include "coordinator/server/read_pool.hpp"
#include "rsg/v1/fleet.grpc.pb.h"

namespace rsg::server {

class FleetService final
    : public v1::Fleet::WithRawCallbackMethod_Attach<
          v1::Fleet::WithCallbackMethod_Enroll<v1::Fleet::WithCallbackMethod_FetchScript<v1::Fleet::Service>>> {
 public:
  /// All outlive the calls.
  FleetService(Core* core, ReadPool* pool, ContentStore* scripts, const Clock* clock)
      : core_(core), pool_(pool), scripts_(scripts), clock_(clock) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context, const v1::EnrollRequest* request,
                                   v1::EnrollResponse* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Attach(grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::ScriptChunk>* FetchScript(grpc::CallbackServerContext* context,
                                                         const v1::FetchScriptRequest* request) override;

 private:
  Core* const core_;
  ReadPool* const pool_;
  ContentStore* const scripts_;
  const Clock* const clock_;
  std::atomic<int> streams_{0};
  PeerGate gate_;
  FetchGate fetches_;
};

}  // namespace rsg::server
