// Why a coordinator's certificate is not trusted. gRPC says only that it is not.
#pragma once
#include <string>

#include "common/join.hpp"

namespace rsg {

/// Connects to `line.address` as a client would, says nothing, and puts into words what is wrong with the certificate
/// there and what to do about it: it has expired, or is not valid yet by this machine's clock, or is of another CA than
/// the line's. Takes at most about `seconds` after the address is resolved. Thread-safe.
std::string WhyUntrusted(const JoinLine& line, double seconds);

}  // namespace rsg
