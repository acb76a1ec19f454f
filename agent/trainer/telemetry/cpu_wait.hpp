// For how long threads of this process are ready to run and have no CPU.
#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/trainer/telemetry/kernel_file.hpp"
#include "agent/trainer/telemetry/reader.hpp"

namespace rsg::trainer {

/// Seconds of waiting that a thread's schedstat tells: the second of its three numbers, in nanoseconds
/// (Documentation/scheduler/sched-stats.rst of Linux). Nothing when it is not there, or has never run: a kernel that
/// does not count says 0 to all. Pure.
std::optional<double> WaitIn(std::string_view schedstat);

/// What keeps a thread waiting is another program on its CPU, or the quota of its control group that is used up. The
/// threads of a parallel loop wait for the slowest of them, so of each interval the longest wait counts. Costs two
/// system calls a thread and reading; not thread-safe.
class CpuWait {
 public:
  /// Threads that are looked at; more cost more than what they would add.
  static constexpr std::size_t kMostThreads = 128;

  /// `tasks`: /proc/self/task, or what stands in for it.
  explicit CpuWait(std::string tasks) : tasks_(std::move(tasks)) {}

  /// Sum over the intervals between calls of the longest wait of a thread in each. Nothing where the system does not
  /// count.
  std::optional<double> Read();
  /// Those that are looked at, at most kMostThreads.
  std::size_t threads() const { return threads_.size(); }

 private:
  struct Thread {
    KernelFile schedstat;
    double waited = 0;
  };
  void FindThreads();

  const std::string tasks_;
  std::map<std::string, Thread> threads_;  // by id
  std::size_t calls_ = 0;
  double seconds_ = 0;
};

/// What `reader` tells, and the waiting of this process.
std::unique_ptr<Reader> WithCpuWait(std::unique_ptr<Reader> reader, std::string tasks = "/proc/self/task");

}  // namespace rsg::trainer
