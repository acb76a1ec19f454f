// Keeps the server's certificate from expiring while the coordinator runs: looks now and then whether it is to be
// renewed, and renews it in its folder, from where the server reads it. A thread of its own, which ends with the
// object.
#pragma once
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace rsg::server {

class IdentityKeeper {
 public:
  /// `certificate_pem` is the certificate in use.
  IdentityKeeper(std::filesystem::path folder, double every_seconds, std::string certificate_pem);
  ~IdentityKeeper();
  IdentityKeeper(const IdentityKeeper&) = delete;
  IdentityKeeper& operator=(const IdentityKeeper&) = delete;

 private:
  void Run();
  void Look();

  const std::filesystem::path folder_;
  const double every_seconds_;
  std::string certificate_pem_;  // of the thread
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace rsg::server
