#include "proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <stdexcept>
#include <vector>

#include "process.hpp"

namespace rsg::e2e {
namespace {

constexpr std::size_t kMostWaiting = 1 << 20;  // a way takes no more until some of it has gone
constexpr int kLookMilliseconds = 5;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

void CloseWithReset(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

}  // namespace

Proxy::Proxy() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("the proxy cannot listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread(&Proxy::Run, this);
}

Proxy::~Proxy() {
  stop_ = true;
  thread_.join();
  for (Pair& pair : pairs_) Reset(pair);
  close(listener_);
}

void Proxy::Run() {
  while (!stop_) {
    std::vector<pollfd> entries{{.fd = listener_, .events = POLLIN, .revents = 0}};
    if (!stalled_)
      for (const Pair& pair : pairs_)
        for (const Way* way : {&pair.up, &pair.down})
          if (!pair.forgotten && !way->ended && way->waiting < kMostWaiting)
            entries.push_back({.fd = way->from, .events = POLLIN, .revents = 0});
    poll(entries.data(), entries.size(), kLookMilliseconds);
    Accept();
    if (rebinds_.exchange(false))
      for (Pair& pair : pairs_) pair.forgotten = true;
    const bool cuts = cuts_.exchange(false);
    for (auto pair = pairs_.begin(); pair != pairs_.end();) {
      if (cuts || Now() >= pair->reset_at) pair->broken = true;
      if (!pair->broken && !stalled_ && !pair->forgotten) Serve(*pair);
      if (pair->broken) {
        Reset(*pair);
        ++reset_;
        pair = pairs_.erase(pair);
      } else {
        ++pair;
      }
    }
  }
}

void Proxy::Accept() {
  const int agent = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (agent < 0) return;
  ++accepted_;
  const int coordinator = Connect(to_port_);
  if (coordinator < 0) return CloseWithReset(agent);
  for (const int fd : {agent, coordinator}) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  double reset_at = std::numeric_limits<double>::infinity();
  if (mean_life_ > 0) reset_at = Now() + std::exponential_distribution<double>(1 / mean_life_)(random_);
  pairs_.push_back({.up = {.from = agent, .to = coordinator, .chunks = {}},
                    .down = {.from = coordinator, .to = agent, .chunks = {}},
                    .reset_at = reset_at});
}

void Proxy::Serve(Pair& pair) {
  Pump(pair.up, false);
  Pump(pair.down, swallows_);
  const double now = Now();
  if (!Pass(pair.up, now) || !Pass(pair.down, now)) pair.broken = true;
}

void Proxy::Pump(Way& way, bool swallow) {
  char buffer[65536];
  while (!way.ended && way.waiting < kMostWaiting) {
    const ssize_t got = recv(way.from, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      way.ended = true;
    } else if (swallow) {
      swallowed_ += static_cast<std::uint64_t>(got);
    } else {
      way.chunks.push_back({.due = Now() + delay_, .bytes = std::string(buffer, static_cast<std::size_t>(got))});
      way.waiting += static_cast<std::size_t>(got);
    }
  }
}

// False when the connection is over: this way has ended and all of it is passed, or nobody takes it.
bool Proxy::Pass(Way& way, double now) {
  while (!way.chunks.empty() && way.chunks.front().due <= now) {
    std::string& bytes = way.chunks.front().bytes;
    const ssize_t put = send(way.to, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    way.waiting -= static_cast<std::size_t>(put);
    bytes.erase(0, static_cast<std::size_t>(put));
    if (bytes.empty()) way.chunks.pop_front();
  }
  return !way.ended || !way.chunks.empty();
}

void Proxy::Reset(Pair& pair) {
  CloseWithReset(pair.up.from);
  CloseWithReset(pair.up.to);
}

}  // namespace rsg::e2e
