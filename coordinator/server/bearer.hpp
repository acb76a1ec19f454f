// Who calls.
#pragma once
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace rsg::server {

/// The secret of "authorization: Bearer SECRET"; nothing when it is missing, malformed, longer than 256 bytes or given
/// twice.
std::optional<std::string> Bearer(const grpc::CallbackServerContext& context);

/// An absl status as gRPC's: same code, same text.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace rsg::server
