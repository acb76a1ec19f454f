// gRPC channels to the coordinator, one way for agent and operator.
#pragma once
#include <memory>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "absl/status/status.h"
#include "common/join.hpp"

namespace rsg {

inline constexpr double kKeepaliveSeconds = 20;

/// How long either side lets a connection be silent before it asks the other, and then waits for the answer: two
/// heartbeats, 1 to 20 s.
double KeepaliveSeconds(double heartbeat_seconds);

inline constexpr int kMaxMessageBytes = 1 << 20;

/// What the operator's side takes in one message. The largest is the list of agents: 10,000 of them, each with facts
/// of at most 16 KiB (Validate refuses more) and less than 1 KiB beside them, are 166 MiB. Usual ones take 1 KiB.
inline constexpr int kMaxListBytes = 192 << 20;

/// A TLS channel to `line.address` that trusts `line.ca_pem` alone and expects kServerName. Keepalive also without
/// calls; takes messages up to `most_bytes`. Connects lazily. Thread-safe once made.
std::shared_ptr<grpc::Channel> MakeChannel(const JoinLine& line, double keepalive_seconds = kKeepaliveSeconds,
                                           int most_bytes = kMaxMessageBytes);

/// Presents `secret` as "authorization: Bearer SECRET".
void Authorize(grpc::ClientContext* context, const std::string& secret);

inline constexpr double kLookSeconds = 2;

/// gRPC's status as absl's: same code, same text; a failed TLS handshake or refused connection says what to check. To
/// learn why a certificate was not trusted it looks at it, for so many seconds at most; 0: it does not.
absl::Status ToAbsl(const grpc::Status& status, const JoinLine& line, double look_seconds = kLookSeconds);

}  // namespace rsg
