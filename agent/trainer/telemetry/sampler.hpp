// Takes readings at a steady pace on a thread of its own.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/trainer/telemetry/reader.hpp"
#include "common/clock.hpp"

namespace rsg::trainer {

/// Ten readings a second: as often as NVML renews most of its values, seldom enough to cost nothing.
inline constexpr double kReadingPeriod = 0.1;

/// Thread-safe. The thread starts with the object and ends with it; every signal is blocked in it.
class Sampler {
 public:
  /// At most this many readings are held between two calls of Take, about seven minutes' worth; then the oldest go.
  static constexpr std::size_t kMostReadings = 4096;

  /// Takes the first reading before it returns, the others every `period_seconds` by the machine's own clock; `clock`
  /// stamps them and must outlive this.
  Sampler(std::unique_ptr<Reader> reader, const Clock& clock, double period_seconds = kReadingPeriod);
  /// Waits for a reading that is under way, for nothing else.
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// The readings since the last call, oldest first. Never waits for a reading.
  std::vector<Reading> Take();

 private:
  void Run();
  void TakeReading();

  const std::unique_ptr<Reader> reader_;  // the thread's alone once that runs
  const Clock& clock_;
  const double period_;
  std::mutex mutex_;
  std::condition_variable stop_wanted_;
  bool stop_ = false;             // guarded by mutex_
  std::deque<Reading> readings_;  // guarded by mutex_
  std::thread thread_;            // last: it uses all the others
};

}  // namespace rsg::trainer
