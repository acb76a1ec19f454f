#include "coordinator/server/read_pool.hpp"

#include <utility>

namespace rsg::server {
namespace {

constexpr std::size_t kMostTasks = 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<ReadPool>> ReadPool::Start(const std::filesystem::path& database, int threads) {
  std::unique_ptr<ReadPool> pool(new ReadPool);
  for (int i = 0; i < threads; ++i) {
    auto reader = store::Reader::Open(database);
    if (!reader.ok()) return reader.status();
    pool->readers_.push_back(*std::move(reader));
  }
  for (auto& reader : pool->readers_) pool->threads_.emplace_back([pool = pool.get(), &reader] { pool->Run(*reader); });
  return pool;
}

ReadPool::~ReadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool ReadPool::Post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= kMostTasks) return false;
    tasks_.push_back(std::move(task));
  }
  ready_.notify_one();
  return true;
}

void ReadPool::Run(store::Reader& reader) {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(reader);
    task = nullptr;
    lock.lock();
  }
}

}  // namespace rsg::server
