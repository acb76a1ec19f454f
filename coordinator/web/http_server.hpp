// Plain HTTP for people and programs that look on: pages that can be read and nothing that can be changed. No TLS and
// no credentials, so it belongs on loopback, behind a proxy, or on a network that may see what it shows.
//
// Bounded whatever comes: connections, connections from one address, memory and idle time of each, no body is taken.
// One thread of its own calls all pages, one after the other: a page must come to an end within seconds.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/server/address.hpp"

struct MHD_Daemon;

namespace rsg::web {

struct Page {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  /// By path, "/metrics". Only GET and HEAD reach a page.
  using Pages = std::map<std::string, std::function<Page()>, std::less<>>;

  /// Listens; port 0: any free one. UNAVAILABLE with the reason and the remedy, which names `option`.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const server::Address& listen, const char* option,
                                                           Pages pages);
  /// Cuts all connections; no page is called any more.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// HOST:PORT with the bound port.
  const std::string& address() const { return address_; }
  /// What to answer a request. Pure but for the page.
  Page Answer(const std::string& method, const std::string& path) const;

 private:
  HttpServer() = default;

  Pages pages_;
  std::string address_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace rsg::web
