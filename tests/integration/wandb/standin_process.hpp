// The stand-in of W&B's server as a process (tests/wandb/standin.py).
#pragma once
#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>

namespace rsg::wandb {

class StandinProcess {
 public:
  /// Port 0: a free one.
  explicit StandinProcess(int port = 0);
  ~StandinProcess();
  StandinProcess(const StandinProcess&) = delete;
  StandinProcess& operator=(const StandinProcess&) = delete;

  const std::string& url() const { return url_; }
  int port() const;
  nlohmann::json Get(const std::string& what);
  void Set(const nlohmann::json& faults);
  /// The run whose name begins so; null when there is none.
  nlohmann::json Run(const std::string& name);

  static const char* Key() { return "standin0standin0standin0standin0standin0"; }

 private:
  pid_t child_ = 0;
  int output_ = -1;
  std::string url_;
};

}  // namespace rsg::wandb
