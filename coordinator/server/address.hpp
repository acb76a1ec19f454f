// HOST:PORT texts, and what this machine can say about them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rsg::server {

struct Address {
  std::string host;  ///< name, IPv4 or IPv6 without brackets
  int port = 0;
};

/// "HOST:PORT", "[IPV6]:PORT", or ":PORT" for all interfaces. A text without a port takes `default_port` when that is
/// not negative. INVALID_ARGUMENT that names `field`.
absl::StatusOr<Address> ParseAddress(std::string_view text, const char* field, int default_port = -1);

/// "HOST:PORT", with brackets around an IPv6 address.
std::string Format(const Address& address);

/// Whether it stands for all interfaces.
bool IsWildcard(const std::string& host);

/// Whether only this machine can reach the host: an address of the loopback interface, or "localhost". Pure.
bool IsLoopback(const std::string& host);

/// Whether only this machine or its own network can reach the host: loopback, private or link-local, or a name without
/// a dot. Pure: nothing is looked up.
bool IsLocalOnly(const std::string& host);

/// A socket that listens on the address and does not block; the caller closes it. UNAVAILABLE with the system's reason
/// (in use, not allowed, not this machine's) and the remedy, which names the command line's `option`.
absl::StatusOr<int> OpenListener(const Address& address, int backlog, const char* option);

/// Binds a socket to the address for a moment. Errors as OpenListener.
absl::Status CheckCanListen(const Address& address);

/// The address this machine's packets to the outside carry; "127.0.0.1" without a network. Sends nothing.
std::string PrimaryAddress();

}  // namespace rsg::server
