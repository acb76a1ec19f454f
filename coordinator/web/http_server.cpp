#include "coordinator/web/http_server.hpp"

#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace rsg::web {
namespace {

constexpr unsigned kMostConnections = 64;
constexpr unsigned kMostFromOneAddress = 16;
constexpr unsigned kIdleSeconds = 10;
constexpr std::size_t kConnectionMemory = std::size_t{32} << 10;  // a request's line and headers must fit
constexpr int kBacklog = 64;
// A thread a connection: a page that waits for the coordinator's thread must not hold up /healthz.
constexpr unsigned kThreads = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;

// What nobody may do with a page: keep it, take it for something else, put it into a frame.
constexpr std::pair<const char*, const char*> kHeaders[] = {
    {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"}, {"X-Content-Type-Options", "nosniff"}, {"X-Frame-Options", "DENY"}};

MHD_Result Send(MHD_Connection* connection, const Page& page) {
  // The library only reads from it: it copies.
  MHD_Response* response =
      MHD_create_response_from_buffer(page.body.size(), const_cast<char*>(page.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type.c_str());
  for (const auto& [name, value] : kHeaders) MHD_add_response_header(response, name, value);
  if (page.status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  const MHD_Result queued = MHD_queue_response(connection, page.status, response);
  MHD_destroy_response(response);
  return queued;
}

// Answers as soon as the headers are there; a body, if there is one, is not read, and the connection ends.
MHD_Result OnRequest(void* server, MHD_Connection* connection, const char* path, const char* method, const char*,
                     const char*, std::size_t*, void**) {
  return Send(connection, static_cast<const HttpServer*>(server)->Answer(method, path));
}

int BoundPort(int listener) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  if (bound.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const server::Address& listen, const char* option,
                                                              Pages pages) {
  const auto listener = server::OpenListener(listen, kBacklog, option);
  if (!listener.ok()) return listener.status();
  std::unique_ptr<HttpServer> server(new HttpServer);
  server->pages_ = std::move(pages);
  server->address_ =
      server::Format({.host = listen.host.empty() ? "0.0.0.0" : listen.host, .port = BoundPort(*listener)});
  server->daemon_ =
      MHD_start_daemon(kThreads, 0, nullptr, nullptr, OnRequest, server.get(), MHD_OPTION_LISTEN_SOCKET, *listener,
                       MHD_OPTION_CONNECTION_LIMIT, kMostConnections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                       kMostFromOneAddress, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_END);
  if (server->daemon_ == nullptr) {
    close(*listener);
    return absl::UnavailableError(fmt::format("cannot serve HTTP on {}; leave {} out", server->address_, option));
  }
  return server;
}

HttpServer::~HttpServer() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);  // closes the listening socket, too
}

Page HttpServer::Answer(const std::string& method, const std::string& path) const {
  const auto page = pages_.find(path);
  if (page == pages_.end()) {
    std::string body = "there is no such page; there are\n";
    for (const auto& [known, made] : pages_) body += known + "\n";
    return {.status = MHD_HTTP_NOT_FOUND, .body = std::move(body)};
  }
  if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD)
    return {.status = MHD_HTTP_METHOD_NOT_ALLOWED, .body = "pages can only be read\n"};
  return page->second();
}

}  // namespace rsg::web
