// gRPC channels to the coordinator, one way for agent and operator.
#pragma once
#include <memory>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "absl/status/status.h"
#include "common/join.hpp"

namespace rsg {

/// A TLS channel to `line.address` that trusts `line.ca_pem` alone and expects kServerName. Keepalive every 20 s, also
/// without calls; messages up to 1 MiB. Connects lazily. Thread-safe once made.
std::shared_ptr<grpc::Channel> MakeChannel(const JoinLine& line);

/// Presents `secret` as "authorization: Bearer SECRET".
void Authorize(grpc::ClientContext* context, const std::string& secret);

/// gRPC's status as absl's: same code, same text; a failed TLS handshake or refused connection says what to check.
absl::Status ToAbsl(const grpc::Status& status, const std::string& address);

inline constexpr int kMaxMessageBytes = 1 << 20;

}  // namespace rsg
