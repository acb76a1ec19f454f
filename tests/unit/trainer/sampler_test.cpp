#include "agent/trainer/telemetry/sampler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "nvml_script.hpp"

namespace rsg::trainer {
namespace {

/// Counts its readings up in sm_clock_mhz.
struct CountingReader : Reader {
  explicit CountingReader(std::atomic<int>* c) : count(c) {}
  Reading Read() override {
    Reading reading;
    reading.sm_clock_mhz = ++*count;
    return reading;
  }
  v1::DeviceLimits Limits() override { return {}; }
  std::atomic<int>* count;
};

TEST(Sampler, TheFirstReadingIsThereAtOnceAndAllComeInOrder) {
  Conductor conductor;
  std::atomic<int> count{0};
  Sampler sampler(conductor.Conduct(std::make_unique<CountingReader>(&count)), conductor, 0);
  auto readings = sampler.Take();
  ASSERT_EQ(readings.size(), 1u);
  EXPECT_NEAR(readings[0].time, 1000.1, 1e-9);
  conductor.Let(3);
  readings = sampler.Take();
  ASSERT_EQ(readings.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(readings[static_cast<std::size_t>(i)].sm_clock_mhz, 2 + i);
    EXPECT_NEAR(readings[static_cast<std::size_t>(i)].time, 1000.2 + 0.1 * i, 1e-9);
  }
  EXPECT_TRUE(sampler.Take().empty());
  conductor.Release();
}

TEST(Sampler, IsBoundedAndKeepsTheNewest) {
  Conductor conductor;
  std::atomic<int> count{0};
  Sampler sampler(conductor.Conduct(std::make_unique<CountingReader>(&count)), conductor, 0);
  conductor.Let(Sampler::kMostReadings + 9);
  const auto readings = sampler.Take();
  ASSERT_EQ(readings.size(), Sampler::kMostReadings);
  EXPECT_EQ(readings.back().sm_clock_mhz, Sampler::kMostReadings + 10);
  conductor.Release();
}

/// Whether this process has a thread of that name that sleeps.
bool Sleeps(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    if (stat.find("(" + name + ") S") != std::string::npos) return true;
  }
  return false;
}

TEST(Sampler, EndsWithoutWaitingForItsPeriod) {
  std::atomic<int> count{0};
  {
    const Sampler sampler(std::make_unique<CountingReader>(&count), SystemClock(), 3600);
    while (!Sleeps("rsg-telemetry")) std::this_thread::yield();
  }
  EXPECT_EQ(count, 1);  // an hour's wait would be the test's timeout
}

TEST(Sampler, ReadsByItselfWhileOthersTake) {
  std::atomic<int> count{0};
  Sampler sampler(std::make_unique<CountingReader>(&count), SystemClock(), 0.001);
  std::vector<Reading> readings;
  while (readings.size() < 50)
    for (const Reading& reading : sampler.Take()) readings.push_back(reading);
  for (std::size_t i = 0; i < readings.size(); ++i) {
    EXPECT_EQ(readings[i].sm_clock_mhz, static_cast<double>(i + 1));
    EXPECT_GE(readings[i].time, readings[i == 0 ? 0 : i - 1].time);
  }
}

/// Notes whether its thread takes SIGTERM.
struct MaskReader : Reader {
  explicit MaskReader(std::atomic<int>* b) : blocked(b) {}
  Reading Read() override {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    *blocked = sigismember(&mask, SIGTERM);
    return {};
  }
  v1::DeviceLimits Limits() override { return {}; }
  std::atomic<int>* blocked;
};

TEST(Sampler, LeavesSignalsToTheMainThread) {
  Conductor conductor;
  std::atomic<int> blocked{-1};
  Sampler sampler(conductor.Conduct(std::make_unique<MaskReader>(&blocked)), conductor, 0);
  EXPECT_EQ(blocked, 0) << "the first reading is the caller's";
  conductor.Let(1);
  EXPECT_EQ(blocked, 1);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
  conductor.Release();
}

}  // namespace
}  // namespace rsg::trainer
