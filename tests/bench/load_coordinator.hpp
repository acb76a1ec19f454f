// The coordinator that is put under load: a real `rsg serve` in a folder of its own, its operator, its database and
// what the system says of its process. Not thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "process.hpp"

namespace rsg::bench {

/// Thrown when the run cannot go on.
struct Failure {
  std::string why;
};
void Require(bool good, const std::string& why);

class Coordinator {
 public:
  /// Starts the program `rsg`, and waits until it listens. Throws Failure.
  explicit Coordinator(const std::string& rsg);
  /// Ends it and removes its folder.
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  /// What the operator's command printed. Throws Failure when it fails.
  std::string Rsg(std::vector<std::string> arguments) const;
  /// The first column of the first row, read from the database beside the running coordinator. Throws Failure.
  std::int64_t Sql(const std::string& query) const;
  /// Whether all windows and results of `jobs` jobs are stored once; prints what is not.
  bool AllOnce(int jobs) const;

  /// A line of /proc/PID/status, in MiB.
  double StatusMib(const std::string& key) const;
  double CpuSeconds() const;
  /// The bound of the bucket of a histogram of /metrics that holds this share of all; in seconds.
  double Bucket(const std::string& histogram, double share) const;

  int port() const { return port_; }
  bool Running() const { return process_->Running(); }
  std::string Log() const { return process_->Log(); }

 private:
  std::string Get(const std::string& path) const;

  const std::string rsg_;
  std::filesystem::path folder_;
  std::unique_ptr<e2e::Process> process_;
  int port_ = 0;
  int http_port_ = 0;
};

}  // namespace rsg::bench
