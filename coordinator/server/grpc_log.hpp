// gRPC's own log.
#pragma once

namespace rsg::server {

/// Lets refused handshakes through to our log, sparsely and in our words, and nothing else, unless GRPC_VERBOSITY asks
/// for gRPC's own. Repeating it is harmless.
void TakeOverGrpcLog();

}  // namespace rsg::server
