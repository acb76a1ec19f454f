#include "coordinator/server/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

namespace rsg::server {
namespace {

struct FreeList {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using List = std::unique_ptr<addrinfo, FreeList>;

struct Socket {
  explicit Socket(int number) : fd(number) {}
  ~Socket() {
    if (fd >= 0) close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd;
};

bool IsLocalIpv4(std::uint32_t ip) {
  const auto within = [ip](std::uint32_t net, int bits) { return (ip >> (32 - bits)) == (net >> (32 - bits)); };
  return within(0x7F000000, 8) || within(0x0A000000, 8) || within(0xAC100000, 12) || within(0xC0A80000, 16) ||
         within(0xA9FE0000, 16) || within(0x64400000, 10);  // the last is the inside of carriers' NAT
}

bool IsLocalIpv6(const in6_addr& ip) {
  const bool unique_local = (ip.s6_addr[0] & 0xFE) == 0xFC;
  return IN6_IS_ADDR_LOOPBACK(&ip) || IN6_IS_ADDR_LINKLOCAL(&ip) || unique_local;
}

std::string Remedy(int error, const char* option) {
  switch (error) {
    case EADDRINUSE:
      return fmt::format("stop what listens there, or choose another port with {}", option);
    case EACCES:
      return fmt::format("choose a port above 1023 with {}", option);
    case EADDRNOTAVAIL:
      return fmt::format("this machine has no such address; choose one of its own, or 0.0.0.0, with {}", option);
    default:
      return fmt::format("choose another address with {}", option);
  }
}

}  // namespace

absl::StatusOr<Address> ParseAddress(std::string_view text, const char* field, int default_port) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(
        fmt::format("{}: '{}' is no address; write HOST:PORT, such as 203.0.113.7:7700 or [::1]:7700", field, text));
  };
  Address address;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return wrong();
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return wrong();
  } else {
    const auto colon = text.find(':');
    address.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
    if (port.empty() && address.host.empty()) return wrong();
  }
  if (address.host.find_first_of(" \t\r\n/@\"'") != std::string::npos || address.host.size() > 253) return wrong();
  if (port.empty() && default_port >= 0) {
    address.port = default_port;
    return address;
  }
  if (port.size() < 2) return wrong();
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port < 0 || address.port > 65535)
    return wrong();
  return address;
}

std::string Format(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address.host, v6 ? "]" : "", address.port);
}

bool IsWildcard(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

bool IsLoopback(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return host == "::1" || host == "localhost";
}

bool IsLocalOnly(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return IsLocalIpv4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IsLocalIpv6(v6);
  return host.find('.') == std::string::npos || host.ends_with(".local") || host.ends_with(".localhost");
}

absl::StatusOr<int> OpenListener(const Address& address, int backlog, const char* option) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int failed = getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0)
    return absl::UnavailableError(fmt::format("cannot listen on {}: {}; choose one of this machine's addresses with {}",
                                              Format(address), gai_strerror(failed), option));
  const List list(found);
  Socket socket(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (socket.fd >= 0) setsockopt(socket.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (socket.fd >= 0 && bind(socket.fd, list->ai_addr, list->ai_addrlen) == 0 && listen(socket.fd, backlog) == 0)
    return std::exchange(socket.fd, -1);
  const int error = errno;
  return absl::UnavailableError(
      fmt::format("cannot listen on {}: {}; {}", Format(address), std::strerror(error), Remedy(error, option)));
}

absl::Status CheckCanListen(const Address& address) {
  const auto listener = OpenListener(address, /*backlog=*/1, "--listen");
  if (!listener.ok()) return listener.status();
  close(*listener);
  return absl::OkStatus();
}

std::string PrimaryAddress() {
  const Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in outside{};
  outside.sin_family = AF_INET;
  outside.sin_port = htons(9);
  inet_pton(AF_INET, "192.0.2.1", &outside.sin_addr);  // for documentation; connecting a datagram socket sends nothing
  sockaddr_in own{};
  socklen_t size = sizeof own;
  char text[INET_ADDRSTRLEN] = "";
  if (socket.fd < 0 || connect(socket.fd, reinterpret_cast<sockaddr*>(&outside), sizeof outside) != 0 ||
      getsockname(socket.fd, reinterpret_cast<sockaddr*>(&own), &size) != 0 ||
      inet_ntop(AF_INET, &own.sin_addr, text, sizeof text) == nullptr)
    return "127.0.0.1";
  return text;
}

}  // namespace rsg::server
