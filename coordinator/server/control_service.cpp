// Admission, and the calls that are one question to the state machine. The others: control_sweeps.cpp.
#include "coordinator/server/control_service.hpp"

#include <utility>

#include "common/secret.hpp"
#include "coordinator/server/bearer.hpp"
#include "coordinator/server/control_ask.hpp"

namespace rsg::server {
namespace {

constexpr int kMostCalls = 256;

}  // namespace

ControlService::ControlService(Core* core, ReadPool* pool, ContentStore* scripts, Options options)
    : core_(core), pool_(pool), scripts_(scripts), options_(std::move(options)) {}

absl::Status ControlService::Admit(Context* context) {
  const auto secret = Bearer(*context);
  if (!secret || !EqualInConstantTime(Sha256Hex(*secret), options_.operator_sha256))
    return absl::UnauthenticatedError(
        "not this coordinator's operator; use the line in the file 'operator' of its state folder");
  if (!open_) return absl::UnavailableError("the coordinator is starting; try again in a moment");
  if (++calls_ > kMostCalls) {
    --calls_;
    return absl::ResourceExhaustedError("too many calls at once; try again in a moment");
  }
  return absl::OkStatus();
}

ControlService::Reply ControlService::Admit(Context* context, Unary* reactor) {
  if (auto admitted = Admit(context); !admitted.ok()) {
    reactor->Finish(ToGrpc(admitted));
    return nullptr;
  }
  return [this, reactor](const absl::Status& status) {
    --calls_;
    reactor->Finish(ToGrpc(status));
  };
}

void ControlService::Read(std::function<absl::Status(store::Reader&)> read, Reply reply) {
  const bool posted = pool_->Post([read = std::move(read), reply](store::Reader& reader) { reply(read(reader)); });
  if (!posted) reply(absl::ResourceExhaustedError("too many questions at once; try again in a moment"));
}

ControlService::Unary* ControlService::ListAgents(Context* context, const v1::ListAgentsRequest*,
                                                  v1::ListAgentsResponse* response) {
  Unary* reactor = context->DefaultReactor();
  if (const Reply reply = Admit(context, reactor))
    Ask<v1::ListAgentsResponse>([](auto& coordinator, const auto& now, auto&) { return coordinator.ListAgents(now); },
                                response, reply);
  return reactor;
}

ControlService::Unary* ControlService::DrainAgent(Context* context, const v1::DrainAgentRequest* request,
                                                  v1::DrainAgentResponse* response) {
  Unary* reactor = context->DefaultReactor();
  if (const Reply reply = Admit(context, reactor))
    Ask<v1::DrainAgentResponse>([request](auto& coordinator, const auto& now,
                                          auto& effects) { return coordinator.DrainAgent(*request, now, effects); },
                                response, reply);
  return reactor;
}

ControlService::Unary* ControlService::RevokeAgent(Context* context, const v1::RevokeAgentRequest* request,
                                                   v1::RevokeAgentResponse* response) {
  Unary* reactor = context->DefaultReactor();
  if (const Reply reply = Admit(context, reactor))
    Ask<v1::RevokeAgentResponse>([request](auto& coordinator, const auto& now,
                                           auto& effects) { return coordinator.RevokeAgent(*request, now, effects); },
                                 response, reply);
  return reactor;
}

ControlService::Unary* ControlService::CreateToken(Context* context, const v1::CreateTokenRequest* request,
                                                   v1::CreateTokenResponse* response) {
  Unary* reactor = context->DefaultReactor();
  if (const Reply reply = Admit(context, reactor))
    Ask<v1::CreateTokenResponse>(
        [this, request](auto& coordinator, const auto& now, auto& effects) -> absl::StatusOr<v1::CreateTokenResponse> {
          auto made = coordinator.CreateToken(*request, now, effects);
          if (!made.ok()) return made.status();
          v1::CreateTokenResponse created;
          created.set_token_id(made->record.token_id);
          created.set_join_line(options_.join_line(made->secret));
          return created;
        },
        response, reply);
  return reactor;
}

ControlService::Unary* ControlService::ListTokens(Context* context, const v1::ListTokensRequest*,
                                                  v1::ListTokensResponse* response) {
  Unary* reactor = context->DefaultReactor();
  if (const Reply reply = Admit(context, reactor))
    Ask<v1::ListTokensResponse>(
        [](auto& coordinator, const auto&, auto&) {
          v1::ListTokensResponse tokens;
          for (const auto& [id, record] : coordinator.tokens().all()) {
            v1::Token& token = *tokens.add_tokens();
            token.set_token_id(id);
            token.set_uses_left(record.uses_left);
            token.set_expires_unix_seconds(record.expires_unix);
            token.set_revoked(record.revoked);
          }
          return tokens;
        },
        response, reply);
  return reactor;
}

ControlService::Unary* ControlService::RevokeToken(Context* context, const v1::RevokeTokenRequest* request,
                                                   v1::RevokeTokenResponse* response) {
  Unary* reactor = context->DefaultReactor();
  if (const Reply reply = Admit(context, reactor))
    Ask<v1::RevokeTokenResponse>(
        [request](auto& coordinator, const auto&, auto& effects) -> absl::StatusOr<v1::RevokeTokenResponse> {
          if (auto revoked = coordinator.RevokeToken(*request, effects); !revoked.ok()) return revoked;
          return v1::RevokeTokenResponse();
        },
        response, reply);
  return reactor;
}

}  // namespace rsg::server
