// A coordinator under load: fleet_load [--agents N] [--jobs N] [--cut SHARE] ... starts a real `rsg serve`, attaches
// many agents to it (real gRPC with TLS, the real state machine, scripted trainers, all in this process), has them run
// a sweep while connections are cut at random, and prints what it cost the coordinator and how long acks took. It exits
// with 1 unless every job has exactly one result and every window is stored once. The whole one:
//
//     fleet_load --agents 1000 --jobs 20000
//
// Everything is on loopback and ends by itself. Agents and coordinator share the machine's cores.
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "common/clock.hpp"
#include "load_agent.hpp"
#include "load_coordinator.hpp"
#include "process.hpp"

namespace rsg::bench {
namespace {

struct Options {
  int agents = 20;
  int jobs = 200;
  double cut = 0.1;
  double cut_every = 5;
  Script script;
  std::string rsg = RSG_PROGRAM;
  double limit_seconds = 600;
};

/// Ours of this process that lead to the coordinator.
std::vector<int> Connections(int port) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_in6 peer{};  // gRPC dials IPv4 through IPv6 sockets
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        (peer.sin6_family == AF_INET6 || peer.sin6_family == AF_INET) && ntohs(peer.sin6_port) == port)
      found.push_back(fd);
  }
  return found;
}

// Seconds of all cores together since the machine's start in which they had work, and in which they had none.
struct MachineTime {
  double busy = 0;
  double idle = 0;
};

MachineTime ReadMachineTime() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, io = 0, irq = 0, softirq = 0, steal = 0;
  stat >> cpu >> user >> nice >> system >> idle >> io >> irq >> softirq >> steal;
  return {.busy = user + nice + system + irq + softirq + steal, .idle = idle + io};
}

double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

class Run {
 public:
  explicit Run(const Options& options) : options_(options), coordinator_(options.rsg) {
    const std::string printed =
        coordinator_.Rsg({"agents", "token", "--print", "--uses", std::to_string(options.agents)});
    const auto join = ParseJoinLine(printed.substr(0, printed.find('\n')), JoinKind::kAgent);
    Require(join.ok(), "no join line: " + std::string(join.status().message()));
    for (int i = 1; i <= options.agents; ++i)
      agents_.push_back(std::make_unique<LoadAgent>(*join, i, options.script, &tally_));
  }

  void Go() {
    const double begun = e2e::Now();
    TurnUntil("attached", [&] { return tally_.welcomed == options_.agents; });
    attach_seconds_ = e2e::Now() - begun;
    Submit();
    const double cpu = coordinator_.CpuSeconds();
    const MachineTime machine = ReadMachineTime();
    const double submitted = e2e::Now();
    if (options_.cut > 0) next_cut_ = submitted;
    TurnUntil("jobs ended", [&] {
      const auto ended = coordinator_.Sql("SELECT count(*) FROM jobs WHERE state = 'ENDED'");
      std::printf("%8.1f s %8ld jobs ended, %d connections cut\n", e2e::Now() - submitted, static_cast<long>(ended),
                  cuts_);
      std::fflush(stdout);
      return ended == options_.jobs;
    });
    seconds_ = e2e::Now() - submitted;
    cpu_seconds_ = coordinator_.CpuSeconds() - cpu;
    const MachineTime now = ReadMachineTime();
    busy_ = (now.busy - machine.busy) / (now.busy - machine.busy + now.idle - machine.idle);
  }

  /// Whether all is as it must be.
  bool Report() {
    auto& acks = tally_.ack_seconds;
    std::sort(acks.begin(), acks.end());
    const auto windows = coordinator_.Sql("SELECT count(*) FROM windows");
    std::printf("agents %d, attached within %.1f s; jobs %d in %.1f s (%.0f jobs/s, %.0f windows/s of %.0f offered)\n",
                options_.agents, attach_seconds_, options_.jobs, seconds_, options_.jobs / seconds_,
                static_cast<double>(windows) / seconds_, options_.agents / options_.script.pace_seconds);
    std::printf("connections cut %d, streams lost %lu; attempts %ld\n", cuts_, tally_.links_lost,
                static_cast<long>(coordinator_.Sql("SELECT count(*) FROM attempts")));
    std::printf("coordinator: RSS %.0f MiB, at most %.0f MiB (budget 2048); CPU %.1f s, %.2f cores\n",
                coordinator_.StatusMib("VmRSS"), coordinator_.StatusMib("VmHWM"), cpu_seconds_,
                cpu_seconds_ / seconds_);
    std::printf("ack latency of %zu batches: p50 %.1f ms, p99 %.1f ms (budget 250), most %.1f ms\n", acks.size(),
                1e3 * Percentile(acks, 0.5), 1e3 * Percentile(acks, 0.99), acks.empty() ? 0 : 1e3 * acks.back());
    std::sort(turns_.begin(), turns_.end());
    std::printf(
        "of that the coordinator's own, from a batch read to its ack on the stream: p50 <= %.0f ms, p99 <= %.0f ms; "
        "commits p99 <= %.0f ms\n",
        1e3 * coordinator_.Bucket("rsg_ack_latency_seconds", 0.5),
        1e3 * coordinator_.Bucket("rsg_ack_latency_seconds", 0.99),
        1e3 * coordinator_.Bucket("rsg_commit_duration_seconds", 0.99));
    std::printf("the machine's cores were busy for %.0f %% of the time: near 100, latencies are the machine's\n",
                100 * busy_);
    std::printf("the agents' thread, all of them in turn: p50 %.1f ms, p99 %.1f ms\n", 1e3 * Percentile(turns_, 0.5),
                1e3 * Percentile(turns_, 0.99));
    return coordinator_.AllOnce(options_.jobs);
  }

  const Tally& tally() const { return tally_; }
  const Coordinator& coordinator() const { return coordinator_; }

 private:
  void Submit() {
    std::string sizes;
    for (int i = 1; i <= options_.jobs / options_.agents; ++i) sizes += (i > 1 ? "," : "") + std::to_string(i);
    coordinator_.Rsg({"sweep", "submit", "--models", "resnet18", "--precision", "fp32", "--no-control", "--bs", sizes,
                      "--seconds", "60", "-o", "json"});
    Require(coordinator_.Sql("SELECT count(*) FROM jobs") == options_.jobs, "the sweep has another number of jobs");
  }

  void TurnUntil(const std::string& what, const std::function<bool()>& done) {
    constexpr double kBeat = 0.002;  // the resolution of all times here
    constexpr double kAsk = 2;
    const double end = e2e::Now() + options_.limit_seconds;
    double ask_at = e2e::Now();
    while (true) {
      const double now = e2e::Now();
      for (auto& agent : agents_) agent->Turn();
      while (next_cut_ > 0 && now >= next_cut_) Cut();
      if (now >= ask_at) {
        ask_at = now + (options_.agents < 100 ? kAsk / 10 : kAsk);
        if (done()) return;
        Require(coordinator_.Running(), "the coordinator has died: " + coordinator_.Log());
        Require(now < end, "not all " + what + " within " + std::to_string(options_.limit_seconds) + " s");
        for (const auto& agent : agents_) Require(!agent->gone(), "an agent gave up");
      }
      turns_.push_back(e2e::Now() - now);
      const double left = kBeat - turns_.back();
      if (left > 0) usleep(static_cast<useconds_t>(left * 1e6));
    }
  }

  // One connection, so that over `cut_every` seconds the share that is asked for is cut, at times of their own each:
  // all at once would show how fast this machine makes TLS handshakes.
  void Cut() {
    const double each = options_.cut_every / (options_.cut * options_.agents);
    next_cut_ += std::exponential_distribution<double>(1 / each)(random_);
    const std::vector<int> open = Connections(coordinator_.port());
    if (open.empty()) return;
    const int fd = open[std::uniform_int_distribution<std::size_t>(0, open.size() - 1)(random_)];
    cuts_ += shutdown(fd, SHUT_RDWR) == 0 ? 1 : 0;
  }

  const Options options_;
  Coordinator coordinator_;
  Tally tally_;
  std::vector<std::unique_ptr<LoadAgent>> agents_;
  std::mt19937 random_{1};
  std::vector<double> turns_;  // seconds
  double next_cut_ = 0;
  int cuts_ = 0;
  double attach_seconds_ = 0;
  double seconds_ = 0;
  double cpu_seconds_ = 0;
  double busy_ = 0;  // share of the machine's cores
};

void TakeAllDescriptors() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int Main(const Options& options) {
  TakeAllDescriptors();  // three an agent
  signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<Run> run;
  try {
    run = std::make_unique<Run>(options);
    run->Go();
    return run->Report() ? 0 : 1;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "fleet_load: %s\n", failure.why.c_str());
    if (!run) return 1;
    int shown = 0;
    for (const auto& [text, count] : run->tally().warnings)
      if (++shown <= 10) std::fprintf(stderr, "  %d x %s\n", count, text.c_str());
    return 1;
  }
}

}  // namespace
}  // namespace rsg::bench

int main(int argc, char** argv) {
  rsg::bench::Options options;
  CLI::App app("A coordinator under load: many agents, one sweep, connections cut at random.", "fleet_load");
  app.add_option("--agents", options.agents, "Agents")->check(CLI::Range(1, 20'000))->capture_default_str();
  app.add_option("--jobs", options.jobs, "Jobs, a multiple of the agents")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--windows", options.script.windows, "Windows of each job")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--pace", options.script.pace_seconds, "Seconds a window")
      ->check(CLI::Range(0.001, 60.0))
      ->capture_default_str();
  app.add_option("--cut", options.cut, "Share of the connections that is cut at random within --cut-every")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--cut-every", options.cut_every, "Seconds")->check(CLI::Range(0.05, 600.0))->capture_default_str();
  app.add_option("--rsg", options.rsg, "The program under load")->check(CLI::ExistingFile)->capture_default_str();
  app.add_option("--limit", options.limit_seconds, "Gives up after so many seconds")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (options.jobs % options.agents != 0) {
    std::fprintf(stderr, "--jobs: %d is no multiple of %d agents, each of which runs as many; use %d\n", options.jobs,
                 options.agents, (options.jobs / options.agents + 1) * options.agents);
    return 2;
  }
  return rsg::bench::Main(options);
}
