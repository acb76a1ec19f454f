// A few threads that read the database, each over a connection of its own, so that neither the core's thread nor gRPC's
// wait for a disk. No gRPC here.
#pragma once
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/reader.hpp"

namespace rsg::server {

class ReadPool {
 public:
  /// A short piece of work: one page.
  using Task = std::function<void(store::Reader&)>;

  /// Opens `threads` readers on a database that exists. Errors as store::Reader::Open.
  static absl::StatusOr<std::unique_ptr<ReadPool>> Start(const std::filesystem::path& database, int threads);
  /// Runs what is queued, then ends the threads.
  ~ReadPool();
  ReadPool(const ReadPool&) = delete;
  ReadPool& operator=(const ReadPool&) = delete;

  /// False when too much is queued; the task is not run then. Any thread, from within a task, too.
  bool Post(Task task);

 private:
  ReadPool() = default;
  void Run(store::Reader& reader);

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Task> tasks_;  // guarded by mutex_
  bool stop_ = false;       // guarded by mutex_
  std::vector<std::unique_ptr<store::Reader>> readers_;
  std::vector<std::thread> threads_;
};

}  // namespace rsg::server
