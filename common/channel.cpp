#include "common/channel.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/tls.hpp"
#include "common/untrusted.hpp"

namespace rsg {
double KeepaliveSeconds(double heartbeat_seconds) {
  if (std::isnan(heartbeat_seconds)) return kKeepaliveSeconds;
  return std::clamp(2 * heartbeat_seconds, 1.0, kKeepaliveSeconds);
}

std::shared_ptr<grpc::Channel> MakeChannel(const JoinLine& line, double keepalive_seconds, int most_bytes) {
  const int keepalive = static_cast<int>(1000 * keepalive_seconds);
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = line.ca_pem;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(kServerName);
  arguments.SetMaxReceiveMessageSize(most_bytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Who waits between tries is the caller, with jitter; gRPC's own back-off on top would only add to it.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // Despite its name this bounds one attempt to connect: room for a lost SYN and a handshake on a busy machine.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  // A channel that is made anew begins anew, whatever another one to the same address has met.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Local sockets of an environment's proxy settings are of no use to a pinned private CA.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(line.address, grpc::SslCredentials(tls), arguments);
}

void Authorize(grpc::ClientContext* context, const std::string& secret) {
  context->AddMetadata("authorization", absl::StrCat("Bearer ", secret));
}

absl::Status ToAbsl(const grpc::Status& status, const JoinLine& line, double look_seconds) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const std::string& text = status.error_message();
  // What the coordinator itself says needs no guess at the network.
  if (code != absl::StatusCode::kUnavailable || absl::StartsWith(text, "the coordinator "))
    return absl::Status(code, text);
  std::string hint = "is 'rsg serve' running there, and does a firewall let this machine through?";
  if (absl::StrContains(text, "wrong version number"))
    hint = "what listens there does not speak TLS: is this the coordinator's address?";
  else if (absl::StrContains(text, "certificate"))
    hint = look_seconds > 0 ? WhyUntrusted(line, look_seconds) : "its certificate is not trusted";
  return absl::UnavailableError(absl::StrCat("cannot reach the coordinator at ", line.address, ": ", text, "; ", hint));
}

}  // namespace rsg
