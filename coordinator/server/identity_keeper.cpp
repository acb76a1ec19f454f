#include "coordinator/server/identity_keeper.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "common/tls.hpp"

namespace rsg::server {

IdentityKeeper::IdentityKeeper(std::filesystem::path folder, double every_seconds, std::string certificate_pem)
    : folder_(std::move(folder)),
      every_seconds_(every_seconds),
      certificate_pem_(std::move(certificate_pem)),
      thread_(&IdentityKeeper::Run, this) {}

IdentityKeeper::~IdentityKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void IdentityKeeper::Run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::duration<double>(every_seconds_), [this] { return stop_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

void IdentityKeeper::Look() {
  // Agents know the CA that this process serves; with another one they would be locked out.
  std::error_code error;
  for (const char* file : {"ca.key", "ca.pem"}) {
    if (std::filesystem::exists(folder_ / file, error)) continue;
    spdlog::warn(
        "{} is missing: the server's certificate, valid until {}, cannot be renewed; put it back, or start "
        "the coordinator anew with another CA, which no agent knows",
        (folder_ / file).string(), ValidUntil(certificate_pem_));
    return;
  }
  auto identity = LoadOrMakeIdentity(folder_);
  if (!identity.ok()) {
    spdlog::warn("cannot see to the server's certificate, which is valid until {}: {}", ValidUntil(certificate_pem_),
                 std::string(identity.status().message()));
  } else if (identity->certificate_pem != certificate_pem_) {
    certificate_pem_ = std::move(identity->certificate_pem);
    spdlog::info("the server's certificate is renewed, valid until {}", ValidUntil(certificate_pem_));
  }
}

}  // namespace rsg::server
