// What the core counts of itself, for whoever watches it. Written by the core's threads, read by any; no lock.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rsg::server {

/// How long something took, in seconds, by buckets whose bounds are the same for all.
class Durations {
 public:
  /// Upper bounds of the buckets; what lasts longer than the last one is only in `count`.
  static constexpr std::array kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0};

  struct Snapshot {
    std::array<std::uint64_t, kBounds.size()> buckets{};  ///< each alone, not cumulated
    std::uint64_t count = 0;
    double sum = 0;
  };

  void Add(double seconds) {
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      if (seconds > kBounds[i]) continue;
      buckets_[i].fetch_add(1, std::memory_order_relaxed);
      break;
    }
    count_.fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(seconds, std::memory_order_relaxed);
  }

  Snapshot Read() const {
    Snapshot snapshot;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      snapshot.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
      snapshot.count += snapshot.buckets[i];
    }
    // Read apart: a total below the buckets' would contradict them.
    snapshot.count = std::max(snapshot.count, count_.load(std::memory_order_relaxed));
    snapshot.sum = sum_.load(std::memory_order_relaxed);
    return snapshot;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size()> buckets_{};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<double> sum_{0};
};

struct CoreFigures {
  Durations commits;                         ///< transactions that were stored
  Durations acks;                            ///< from a batch of windows as it was read to its Ack handed to the stream
  std::atomic<std::uint64_t> windows{0};     ///< stored
  std::atomic<std::uint64_t> jobs_ended{0};  ///< stored as ended; a retried one each time
  std::atomic<std::uint64_t> failed_commits{0};
  std::atomic<bool> storing{true};  ///< false from a commit that failed until one succeeds
};

}  // namespace rsg::server
