// How many windows a second the store makes durable, by hand: store_windows [FOLDER] [SECONDS].
//
// Each commit holds a batch of windows of many attempts, as the writer thread gathers them, and is on disk (fsync) when
// it returns. FOLDER is where the database goes, the disk that is measured; default: the current folder.
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"

namespace {

using namespace rsg;
using namespace rsg::schedule;
using SteadyClock = std::chrono::steady_clock;

constexpr char kLease[] = "0123456789abcdef0123456789abcdef";

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "store_windows: %s\n", status.ToString().c_str());
  std::exit(1);
}

std::string FirstLineWith(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(key, 0) == 0) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown";
}

std::vector<Change> Fleet(std::int64_t attempts) {
  TokenRecord token;
  token.token_id = "t-1";
  token.token_sha256 = "token";
  AgentRecord agent;
  agent.agent_id = "a-1";
  agent.credential_sha256 = "agent";
  agent.token_id = "t-1";
  SweepRecord sweep;
  sweep.sweep = 1;
  sweep.state = v1::SWEEP_STATE_RUNNING;
  std::vector<Change> changes{PutToken{token}, PutAgent{agent}, PutSweep{sweep}};
  for (std::int64_t number = 1; number <= attempts; ++number) {
    JobRecord job;
    job.key = {1, number};
    job.state = v1::JOB_STATE_RUNNING;
    job.attempts = 1;
    AttemptRecord attempt;
    attempt.key = {job.key, 1};
    attempt.lease_token = kLease;
    attempt.agent_id = "a-1";
    attempt.state = v1::JOB_STATE_RUNNING;
    changes.push_back(PutJob{job});
    changes.push_back(InsertAttempt{attempt});
  }
  return changes;
}

std::vector<v1::Window> Windows(std::uint32_t first, std::uint32_t count) {
  std::vector<v1::Window> windows(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    windows[i].set_sequence(first + i);
    windows[i].set_steps(4);
    windows[i].set_samples(256);
    windows[i].set_seconds(0.5123);
    windows[i].set_wall_seconds(0.5124);
    windows[i].set_start_seconds(0.5 * (first + i));
    // What a GPU tells.
    windows[i].set_drained_share(0.01);
    v1::Telemetry& telemetry = *windows[i].mutable_telemetry();
    telemetry.set_readings(5);
    telemetry.set_sm_clock_mhz(1935.5);
    telemetry.set_memory_clock_mhz(9751);
    telemetry.set_temperature_celsius(67.25);
    telemetry.set_power_watts(347.125);
    telemetry.set_energy_joules(177.75);
    telemetry.set_used_memory_mib(7123);
    telemetry.set_pcie_generation(4);
    telemetry.set_pcie_width(16);
    telemetry.set_power_cap_share(0.2);
    telemetry.set_thermal_share(0);
    telemetry.set_hardware_share(0);
    telemetry.set_cpu_load(0.125);
  }
  return windows;
}

/// One line: `attempts` take turns, each commit has `parts` of them with `count` windows each.
void Measure(const std::filesystem::path& folder, double seconds, std::int64_t attempts, std::int64_t parts,
             std::uint32_t count) {
  const auto file = folder / "store_windows.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + suffix);
  auto store = store::Store::Open(file);
  Require(store.status());
  Require((*store)->Apply(Fleet(attempts)));

  std::vector<std::uint32_t> done(static_cast<std::size_t>(attempts), 0);
  std::vector<double> commits;
  std::int64_t next = 0;
  const auto begin = SteadyClock::now();
  double elapsed = 0;
  while (elapsed < seconds) {
    std::vector<Change> changes;
    for (std::int64_t part = 0; part < parts; ++part, next = (next + 1) % attempts) {
      auto& last = done[static_cast<std::size_t>(next)];
      changes.push_back(AppendWindows{{{1, next + 1}, 1}, kLease, Windows(last + 1, count)});
      last += count;
    }
    const auto before = SteadyClock::now();
    Require((*store)->Apply(changes));
    const auto now = SteadyClock::now();
    commits.push_back(std::chrono::duration<double>(now - before).count());
    elapsed = std::chrono::duration<double>(now - begin).count();
  }
  std::sort(commits.begin(), commits.end());
  const double windows = static_cast<double>(commits.size()) * static_cast<double>(parts) * count;
  std::printf("%8ld %10ld %12u %12.0f %14.2f %12.2f %12.2f\n", attempts, parts * count, count, windows / elapsed,
              1e3 * commits[commits.size() / 2], 1e3 * commits[commits.size() * 99 / 100], 1e3 * commits.back());
  store->reset();
  std::filesystem::remove(file);
}

/// What the end of an attempt costs beside the flush: its windows are read back and looked at.
void MeasureEnds(const std::filesystem::path& folder, std::int64_t attempts, std::uint32_t count) {
  const auto file = folder / "store_windows.db";
  auto store = store::Store::Open(file);
  Require(store.status());
  Require((*store)->Apply(Fleet(attempts)));
  std::vector<Change> ends;
  for (std::int64_t number = 1; number <= attempts; ++number) {
    Require((*store)->Apply(std::vector<Change>{AppendWindows{{{1, number}, 1}, kLease, Windows(1, count)}}));
    EndAttempt end;
    end.key = {{1, number}, 1};
    end.lease_token = kLease;
    end.outcome = v1::OUTCOME_COMPLETED;
    end.result.emplace().set_throughput(500);
    end.elapsed_seconds = 3600;
    ends.push_back(std::move(end));
  }
  const auto before = SteadyClock::now();
  Require((*store)->Apply(ends));
  const double elapsed = std::chrono::duration<double>(SteadyClock::now() - before).count();
  std::printf("the end of an attempt with %u windows: %.3f ms (budget: 1 ms for 600)\n", count,
              1e3 * elapsed / static_cast<double>(attempts));
  store->reset();
  std::filesystem::remove(file);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  if (argc > 3 || !std::filesystem::is_directory(folder) || !(seconds > 0)) {
    std::fprintf(stderr, "usage: store_windows [FOLDER] [SECONDS]\n");
    return 2;
  }
  utsname system{};
  uname(&system);
  std::printf("machine: %s, %ld logical CPUs, %s %s\n", FirstLineWith("/proc/cpuinfo", "model name").c_str(),
              sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release);
  std::printf("command: store_windows %s %g (budget: 30000 windows/s)\n", folder.c_str(), seconds);
  std::printf("%8s %10s %12s %12s %14s %12s %12s\n", "attempts", "per commit", "per attempt", "windows/s",
              "commit p50 ms", "p99 ms", "max ms");
  Measure(folder, seconds, 10, 20, 10);
  Measure(folder, seconds, 100, 100, 3);
  Measure(folder, seconds, 1000, 300, 2);
  Measure(folder, seconds, 10000, 300, 2);
  Measure(folder, seconds, 10000, 1000, 2);
  MeasureEnds(folder, 200, 600);
  return 0;
}
