// The operator's calls about scripts.
#include <fmt/format.h>

#include "common/validate.hpp"
#include "coordinator/server/control_ask.hpp"
#include "coordinator/server/control_service.hpp"
#include "coordinator/server/script_upload.hpp"

namespace rsg::server {

ControlService::Unary* ControlService::PrepareScript(Context* context, const v1::PrepareScriptRequest* request,
                                                     v1::PrepareScriptResponse* response) {
  Unary* reactor = context->DefaultReactor();
  const Reply reply = Admit(context, reactor);
  if (!reply) return reactor;
  if (const auto valid = CheckPrepare(*request); !valid.ok()) {
    reply(valid);
    return reactor;
  }
  auto keep = std::make_shared<std::set<std::string>>();
  core_->Post([keep](schedule::Coordinator& coordinator, const schedule::Now&,
                     schedule::Effects&) { *keep = coordinator.LiveScripts(); },
              [this, request, response, reply, keep](const absl::Status& asked) {
                if (!asked.ok()) return reply(asked);
                // On a reader's thread, for the disk may take its time.
                Read(
                    [this, request, response, keep](store::Reader&) -> absl::Status {
                      response->set_stored(scripts_->Has(request->sha256()));
                      if (response->stored()) return absl::OkStatus();
                      const auto there = scripts_->Reserve(request->sha256(), request->bytes(), *keep);
                      response->set_offset(static_cast<std::uint32_t>(there.value_or(0)));
                      return there.status();
                    },
                    reply);
              });
  return reactor;
}

grpc::ServerReadReactor<v1::UploadScriptRequest>* ControlService::UploadScript(Context* context,
                                                                               v1::UploadScriptResponse*) {
  const absl::Status admitted = Admit(context);
  return new ScriptUpload(core_, scripts_, admitted, [this, counted = admitted.ok()] {
    if (counted) --calls_;
  });
}

absl::Status ControlService::CheckScripts(const v1::SubmitSweepRequest& request) {
  if (request.spec().scripts().empty()) return absl::OkStatus();
  // First of all: a checksum becomes part of a path.
  if (auto valid = Validate(request.spec()); !valid.ok()) return valid;
  for (const v1::Script& script : request.spec().scripts())
    if (!scripts_->Has(script.sha256()))
      return absl::FailedPreconditionError(fmt::format(
          "script: the coordinator does not have '{}'; upload it first, as 'rsg sweep submit --script' does",
          script.name()));
  return absl::OkStatus();
}

}  // namespace rsg::server
