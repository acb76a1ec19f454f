#include "coordinator/wandb/service.hpp"

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

void Service::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (std::exchange(retry_, false)) forwarder_->Retry();
    lock.unlock();
    const double wait = forwarder_->Run();
    lock.lock();
    changed_.wait_for(lock, std::chrono::duration<double>(wait), [this] { return stop_ || retry_; });
  }
  over_ = true;
  changed_.notify_all();
}

}  // namespace rsg::wandb
