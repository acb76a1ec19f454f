// Requests to W&B over HTTP, by libcurl. Used by one thread, but for Abort.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/wandb/forwarder.hpp"

namespace rsg::wandb {

class HttpTransport final : public Transport {
 public:
  struct Options {
    std::string base_url;
    std::string key;  ///< secret; goes to the base URL's server only, and into no error
    double connect_seconds = 10;
    double seconds = 30;  ///< for one request
  };
  static absl::StatusOr<std::unique_ptr<HttpTransport>> Make(Options options);
  ~HttpTransport() override;

  /// Follows no redirect and takes at most 4 MiB. Connections are kept.
  HttpAnswer Send(const HttpRequest& request) override;

  /// Of the requests from now on. Called by the thread that sends.
  void SetKey(std::string key) { options_.key = std::move(key); }
  /// Ends the request that is under way and each later one at once. Any thread.
  void Abort() { aborted_ = true; }

 private:
  struct Handle;
  HttpTransport(Options options, std::unique_ptr<Handle> handle);

  Options options_;
  const std::unique_ptr<Handle> handle_;
  std::atomic<bool> aborted_{false};
};

}  // namespace rsg::wandb
