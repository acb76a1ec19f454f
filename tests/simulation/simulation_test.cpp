// Many worlds, one a seed. A seed that breaks a rule is run again with its trace.
//
//   RSG_SIM_SEEDS=100000 RSG_SIM_FIRST=1 build/release/tests/simulation_test   on all cores
//   RSG_SIM_FIRST=4711 build/release/tests/simulation_test                     this one alone
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "world.hpp"

namespace rsg::sim {
namespace {

std::uint64_t Environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

void Report(std::uint64_t seed) {
  World world(seed, /*tracing=*/true);
  const auto violation = world.Run();
  for (const std::string& line : world.trace()) std::cout << line << "\n";
  ADD_FAILURE() << "seed " << seed << ": " << violation.value_or("not broken again: the run is not deterministic")
                << "\nrepeat it by: RSG_SIM_FIRST=" << seed << " RSG_SIM_SEEDS=1 build/release/tests/simulation_test";
}

// What worker processes say of themselves.
struct Progress {
  std::uint64_t at = 0;  // this seed is being run
  std::uint64_t done = 0;
  std::uint64_t broken = 0;  // this seed breaks a rule; 0: none
};

void Work(std::uint64_t first, std::uint64_t end, std::uint64_t step, Progress* progress) {
  for (std::uint64_t seed = first; seed < end && progress->broken == 0; seed += step) {
    progress->at = seed;
    World world(seed, /*tracing=*/false);
    if (world.Run()) progress->broken = seed;
    ++progress->done;
  }
  progress->at = 0;
}

std::deque<std::string> TraceOf(std::uint64_t seed) {
  World world(seed, /*tracing=*/true);
  EXPECT_EQ(world.Run(), std::nullopt);
  return world.trace();
}

TEST(Simulation, ASeedRepeatsARunExactly) {
  spdlog::set_level(spdlog::level::off);
  for (const std::uint64_t seed : {3u, 17u, 98u}) {
    const std::deque<std::string> trace = TraceOf(seed);
    EXPECT_GT(trace.size(), 50u);
    TraceOf(seed + 1);
    EXPECT_EQ(TraceOf(seed), trace) << "seed " << seed;
  }
}

TEST(Simulation, NoSeedBreaksARule) {
  spdlog::set_level(spdlog::level::off);
  const bool chosen = std::getenv("RSG_SIM_FIRST") != nullptr;
  const std::uint64_t first = Environment("RSG_SIM_FIRST", 1);
  const std::uint64_t seeds = Environment("RSG_SIM_SEEDS", chosen ? 1 : RSG_SIM_SEEDS_BY_DEFAULT);
  const bool many = std::getenv("RSG_SIM_SEEDS") != nullptr;
  const std::uint64_t workers = Environment("RSG_SIM_WORKERS", many ? std::thread::hardware_concurrency() : 1);
  const auto start = std::chrono::steady_clock::now();
  auto* progress = static_cast<Progress*>(
      mmap(nullptr, workers * sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(progress, MAP_FAILED);
  // Processes, for SQLite's VFS and random numbers are the process's.
  std::vector<pid_t> children;
  for (std::uint64_t i = 0; i < workers; ++i) {
    progress[i] = {};
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Work(first + i, first + seeds, workers, &progress[i]);
      std::_Exit(0);
    }
    children.push_back(child);
  }
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; i < workers; ++i) {
    int status = 0;
    waitpid(children[i], &status, 0);
    done += progress[i].done;
    EXPECT_EQ(status, 0) << "seed " << progress[i].at << " ends the process";
    if (progress[i].broken != 0) Report(progress[i].broken);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::cout << done << " seeds in " << seconds << " s, " << static_cast<double>(done) / seconds << " a second\n";
}

}  // namespace
}  // namespace rsg::sim
