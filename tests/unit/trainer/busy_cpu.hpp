// A CPU that another program uses, too.
#pragma once
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>

namespace rsg::trainer {

/// While it lives, the thread that made it and what that starts run on one CPU only, where a thread of this spins.
class BusyCpu {
 public:
  BusyCpu() {
    EXPECT_EQ(sched_getaffinity(0, sizeof before_, &before_), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &before_)) ++cpu;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    spinning_ = std::thread([this] {
      while (!stop_) {
      }
    });
  }
  BusyCpu(const BusyCpu&) = delete;
  BusyCpu& operator=(const BusyCpu&) = delete;
  ~BusyCpu() {
    stop_ = true;
    spinning_.join();
    EXPECT_EQ(sched_setaffinity(0, sizeof before_, &before_), 0);
  }

 private:
  cpu_set_t before_;
  std::atomic<bool> stop_ = false;
  std::thread spinning_;
};

}  // namespace rsg::trainer
