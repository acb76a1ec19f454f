// What gRPC's health service says: SERVING while the coordinator can store. Thread-safe.
#pragma once
#include <grpcpp/health_check_service_interface.h>

#include <mutex>

namespace rsg::server {

class Health {
 public:
  /// From now on it is said by `service`, which may be null and lives until Stop at least.
  void Serve(grpc::HealthCheckServiceInterface* service) {
    const std::lock_guard lock(mutex_);
    service_ = service;
    Say();
  }
  void SetStoring(bool storing) {
    const std::lock_guard lock(mutex_);
    storing_ = storing;
    Say();
  }
  /// NOT_SERVING for good: the server is shut down.
  void Stop() {
    const std::lock_guard lock(mutex_);
    if (service_ != nullptr) service_->Shutdown();
    service_ = nullptr;
  }

 private:
  void Say() {
    if (service_ != nullptr) service_->SetServingStatus(storing_);
  }

  std::mutex mutex_;
  grpc::HealthCheckServiceInterface* service_ = nullptr;  // guarded by mutex_
  bool storing_ = true;                                   // guarded by mutex_
};

}  // namespace rsg::server
