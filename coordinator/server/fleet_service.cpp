#include "coordinator/server/fleet_service.hpp"

#include <memory>

#include "common/secret.hpp"
#include "coordinator/server/agent_stream.hpp"
#include "coordinator/server/bearer.hpp"
#include "coordinator/server/script_download.hpp"

namespace rsg::server {
namespace {

// Together with the calls under way less than the core's mailbox holds: a stream has at most three events there.
constexpr int kMostStreams = 20'000;

}  // namespace

grpc::ServerUnaryReactor* FleetService::Enroll(grpc::CallbackServerContext* context, const v1::EnrollRequest* request,
                                               v1::EnrollResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const std::string peer = context->peer();
  if (const absl::Status let_in = gate_.Enter(peer, clock_->Monotonic()); !let_in.ok()) {
    core_->Refused("enrolments");
    reactor->Finish(ToGrpc(let_in));
    return reactor;
  }
  auto reply = std::make_shared<absl::StatusOr<v1::EnrollResponse>>(absl::UnknownError(""));
  core_->Post([request, reply](schedule::Coordinator& coordinator, const schedule::Now& now,
                               schedule::Effects& effects) { *reply = coordinator.Enroll(*request, now, effects); },
              [this, reactor, response, reply, peer](const absl::Status& committed) {
                gate_.Left(peer, committed.ok() && !reply->ok(), clock_->Monotonic());
                if (!committed.ok()) return reactor->Finish(ToGrpc(committed));
                if (!reply->ok()) return reactor->Finish(ToGrpc(reply->status()));
                *response = **reply;
                reactor->Finish(grpc::Status::OK);
              });
  return reactor;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* FleetService::Attach(
    grpc::CallbackServerContext* context) {
  const auto credential = Bearer(*context);
  if (!credential) {
    core_->Refused("credential");
    return new RefusedStream({grpc::StatusCode::UNAUTHENTICATED, "an agent presents its credential as a bearer token"});
  }
  if (++streams_ > kMostStreams) {
    --streams_;
    core_->Refused("streams");
    return new RefusedStream(
        {grpc::StatusCode::RESOURCE_EXHAUSTED, "this coordinator serves no more agents; try again later"});
  }
  return new AgentStream(context, core_, Sha256Hex(*credential), [this] { --streams_; });
}

grpc::ServerWriteReactor<v1::ScriptChunk>* FleetService::FetchScript(grpc::CallbackServerContext* context,
                                                                     const v1::FetchScriptRequest* request) {
  const auto credential = Bearer(*context);
  const std::string sha256 = credential ? Sha256Hex(*credential) : "";
  const absl::Status admitted = credential
                                    ? fetches_.Enter(sha256, clock_->Monotonic(), [context] { context->TryCancel(); })
                                    : absl::UnauthenticatedError("an agent presents its credential as a bearer token");
  if (!admitted.ok()) core_->Refused(credential ? "fetches" : "credential");
  return new ScriptDownload(
      {.core = core_, .pool = pool_, .store = scripts_}, sha256, *request, admitted,
      [this, sha256] { fetches_.Moved(sha256, clock_->Monotonic()); },
      [this, sha256, counted = admitted.ok()] {
        if (counted) fetches_.Left(sha256);
      });
}

}  // namespace rsg::server
