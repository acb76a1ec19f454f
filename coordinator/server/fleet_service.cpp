#include "coordinator/server/fleet_service.hpp"

#include <memory>

#include "common/secret.hpp"
#include "coordinator/server/agent_stream.hpp"
#include "coordinator/server/bearer.hpp"

namespace rsg::server {
namespace {

// Together with the calls under way less than the core's mailbox holds: a stream has at most three events there.
constexpr int kMostStreams = 20'000;
constexpr int kMostEnrolling = 1'000;

}  // namespace

grpc::ServerUnaryReactor* FleetService::Enroll(grpc::CallbackServerContext* context, const v1::EnrollRequest* request,
                                               v1::EnrollResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (++enrolling_ > kMostEnrolling) {
    --enrolling_;
    reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many agents enrol at once; try again in a moment"});
    return reactor;
  }
  auto reply = std::make_shared<absl::StatusOr<v1::EnrollResponse>>(absl::UnknownError(""));
  core_->Post([request, reply](schedule::Coordinator& coordinator, const schedule::Now& now,
                               schedule::Effects& effects) { *reply = coordinator.Enroll(*request, now, effects); },
              [this, reactor, response, reply](const absl::Status& committed) {
                --enrolling_;
                if (!committed.ok()) return reactor->Finish(ToGrpc(committed));
                if (!reply->ok()) return reactor->Finish(ToGrpc(reply->status()));
                *response = **reply;
                reactor->Finish(grpc::Status::OK);
              });
  return reactor;
}

grpc::ServerBidiReactor<v1::AgentMessage, v1::CoordinatorMessage>* FleetService::Attach(
    grpc::CallbackServerContext* context) {
  const auto credential = Bearer(*context);
  if (!credential)
    return new RefusedStream({grpc::StatusCode::UNAUTHENTICATED, "an agent presents its credential as a bearer token"});
  if (++streams_ > kMostStreams) {
    --streams_;
    return new RefusedStream(
        {grpc::StatusCode::RESOURCE_EXHAUSTED, "this coordinator serves no more agents; try again later"});
  }
  return new AgentStream(context, core_, Sha256Hex(*credential), [this] { --streams_; });
}

}  // namespace rsg::server
