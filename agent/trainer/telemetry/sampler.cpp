#include "agent/trainer/telemetry/sampler.hpp"

#include <pthread.h>

#include <chrono>
#include <csignal>
#include <iterator>
#include <utility>

namespace rsg::trainer {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// Blocks every signal in the calling thread, and in those it starts, as long as it lives: they are the main thread's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

Sampler::Sampler(std::unique_ptr<Reader> reader, const Clock& clock, double period_seconds)
    : reader_(std::move(reader)), clock_(clock), period_(period_seconds) {
  TakeReading();
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { Run(); });
}

Sampler::~Sampler() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_wanted_.notify_one();
  thread_.join();
}

std::vector<Reading> Sampler::Take() {
  const std::lock_guard lock(mutex_);
  std::vector<Reading> taken(std::make_move_iterator(readings_.begin()), std::make_move_iterator(readings_.end()));
  readings_.clear();
  return taken;
}

void Sampler::Run() {
  pthread_setname_np(pthread_self(), "rsg-telemetry");
  const auto period = std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(period_));
  auto next = SteadyClock::now() + period;
  std::unique_lock lock(mutex_);
  while (!stop_wanted_.wait_until(lock, next, [this] { return stop_; })) {
    lock.unlock();
    TakeReading();
    next += period;
    // What was missed is not made up for by a burst.
    if (const auto now = SteadyClock::now(); next < now) next = now + period;
    lock.lock();
  }
}

void Sampler::TakeReading() {
  Reading reading = reader_->Read();
  reading.time = clock_.Monotonic();
  const std::lock_guard lock(mutex_);
  if (readings_.size() >= kMostReadings) readings_.pop_front();
  readings_.push_back(reading);
}

}  // namespace rsg::trainer
