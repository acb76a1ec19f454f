// The thread that forwards to W&B, for as long as it lives.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "coordinator/wandb/forwarder.hpp"
#include "coordinator/wandb/http.hpp"
#include "coordinator/wandb/settings.hpp"

namespace rsg::wandb {

class Service {
 public:
  /// `settings` has a key. `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<Service>> Start(const Settings& settings, std::unique_ptr<Outbox> outbox,
                                                        const Clock* clock, Pace pace = {});
  /// Ends the thread; a request that is under way is given two seconds, and repeated when W&B is served again.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // From any thread.

  Forwarder::Status status() const { return forwarder_->status(); }
  /// Goes on after a pause, with the key as it is found now; looks for what is new at once.
  void Retry();

 private:
  Service() = default;
  void Run();
  void RetryNow();

  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<HttpTransport> transport_;
  std::function<absl::StatusOr<std::string>()> key_again_;
  std::unique_ptr<Forwarder> forwarder_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;   // guarded by mutex_
  bool retry_ = false;  // guarded by mutex_
  bool over_ = false;   // guarded by mutex_: the thread has ended
  std::thread thread_;
};

}  // namespace rsg::wandb
