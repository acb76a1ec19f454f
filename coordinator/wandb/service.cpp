#include "coordinator/wandb/service.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace rsg::wandb {
namespace {

constexpr std::chrono::seconds kPatience{2};

}  // namespace

absl::StatusOr<std::unique_ptr<Service>> Service::Start(const Settings& settings, std::unique_ptr<Outbox> outbox,
                                                        const Clock* clock, Pace pace) {
  auto transport = HttpTransport::Make({.base_url = settings.base_url, .key = settings.key});
  if (!transport.ok()) return transport.status();
  std::unique_ptr<Service> service(new Service);
  service->outbox_ = std::move(outbox);
  service->transport_ = *std::move(transport);
  service->key_again_ = settings.key_again;
  service->forwarder_ = std::make_unique<Forwarder>(Forwarder::Options{.target = settings.target, .pace = pace},
                                                    service->outbox_.get(), service->transport_.get(), clock);
  service->thread_ = std::thread(&Service::Run, service.get());
  return service;
}

Service::~Service() {
  {
    std::unique_lock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return over_; });
  }
  transport_->Abort();
  thread_.join();
}

void Service::Retry() {
  const std::lock_guard lock(mutex_);
  retry_ = true;
  changed_.notify_all();
}

// Where there is no other key by now, the one that was found at the start may still do.
void Service::RetryNow() {
  if (key_again_) {
    auto key = key_again_();
    if (!key.ok())
      spdlog::warn("W&B: the key is not read anew: {}", std::string(key.status().message()));
    else if (!key->empty())
      transport_->SetKey(*std::move(key));
  }
  forwarder_->Retry();
}

void Service::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const bool retry = std::exchange(retry_, false);
    lock.unlock();
    if (retry) RetryNow();
    const double wait = forwarder_->Run();
    lock.lock();
    changed_.wait_for(lock, std::chrono::duration<double>(wait), [this] { return stop_ || retry_; });
  }
  over_ = true;
  changed_.notify_all();
}

}  // namespace rsg::wandb
