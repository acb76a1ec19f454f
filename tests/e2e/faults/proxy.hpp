// A TCP proxy with faults, between agents and coordinator, on a thread of its own. Thread-safe.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace rsg::e2e {

class Proxy {
 public:
  /// Listens on a free port of 127.0.0.1. Until it is told where to, it closes what connects.
  Proxy();
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void Forward(int to_port) { to_port_ = to_port; }

  /// What is read from now on is passed on this much later, each way.
  void Delay(double seconds) { delay_ = seconds; }
  /// Nothing is passed on, nobody is told: a silent partition. Those who connect are taken, and hear nothing.
  void Stall(bool on) { stalled_ = on; }
  /// What the coordinator says is read and thrown away. Such a connection is of no use later: Cut it.
  void SwallowResponses(bool on) { swallows_ = on; }
  /// All that is open is reset.
  void Cut() { cuts_ = true; }
  /// Resets each connection at a random time, this long after it began on average; 0: no more.
  void CutAtRandom(double mean_seconds) { mean_life_ = mean_seconds; }
  /// As when a NAT gives its client another source port: what is open is silent for ever, what comes new is passed.
  void Rebind() { rebinds_ = true; }

  int accepted() const { return accepted_; }
  int reset() const { return reset_; }
  std::uint64_t swallowed() const { return swallowed_; }  ///< bytes

 private:
  struct Chunk {
    double due;
    std::string bytes;
  };
  struct Way {
    int from;
    int to;
    std::deque<Chunk> chunks;
    std::size_t waiting = 0;  // bytes
    bool ended = false;
  };
  struct Pair {
    Way up;    // agent to coordinator
    Way down;  // and back
    double reset_at;
    bool forgotten = false;
    bool broken = false;
  };

  void Run();
  void Accept();
  void Serve(Pair& pair);
  void Pump(Way& way, bool swallow);
  static bool Pass(Way& way, double now);
  static void Reset(Pair& pair);

  int listener_;
  int port_;
  std::list<Pair> pairs_;          // of the thread
  std::mt19937 random_{20261125};  // of the thread
  std::atomic<int> to_port_{0};
  std::atomic<double> delay_{0};
  std::atomic<double> mean_life_{0};
  std::atomic<bool> stalled_{false};
  std::atomic<bool> swallows_{false};
  std::atomic<bool> cuts_{false};
  std::atomic<bool> rebinds_{false};
  std::atomic<bool> stop_{false};
  std::atomic<int> accepted_{0};
  std::atomic<int> reset_{0};
  std::atomic<std::uint64_t> swallowed_{0};
  std::thread thread_;
};

}  // namespace rsg::e2e
