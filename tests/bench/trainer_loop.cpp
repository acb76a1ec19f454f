// What rsg-trainer's loop costs: its throughput for resnet50 against a bare LibTorch loop with the same operations, in
// one process, alternating; and its bookkeeping between steps, timed directly.
//
//   cmake --build --preset release --target trainer_loop && build/release/bench/trainer_loop [PAIRS [BATCH [SIZE]]]
//
// Nothing else may run meanwhile. A round is a window of the trainer's loop and as many steps of each of two bare
// loops, whose order changes from round to round. The ratio of the two bare loops is the A/A control: what it shows is
// noise. Budget: the interval of the first ratio reaches 1.00 on a CPU with 40 pairs or more, bookkeeping <= 0.1 % of a
// step.
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/measure/loop.hpp"
#include "agent/trainer/measure/summary.hpp"
#include "agent/trainer/report/console.hpp"
#include "agent/trainer/report/event_writer.hpp"
#include "common/revision.hpp"
#include "ratio.hpp"
#include "trainer_bare_loop.hpp"

namespace rsg::bench {
namespace {

using trainer::Device;

double Now() { return SystemClock().Monotonic(); }

/// A step of nothing, on a device that claims 0.5 s for each, so that every window has one step: what a round through
/// the loop then takes is bookkeeping alone.
struct NoStep : trainer::TrainingStep {
  void Run() override {}
  double Loss() override { return 0; }
  std::uint64_t ParameterCount() const override { return 0; }
};

struct SlowMark : trainer::Mark {
  explicit SlowMark(double at) : time(at) {}
  void Wait() override {}
  double SecondsSince(Mark& earlier) override { return time - static_cast<SlowMark&>(earlier).time; }
  double time;
};

struct SlowDevice : Device {
  const std::string& torch_name() const override { return name; }
  const trainer::DeviceIdentity& identity() const override { return id; }
  std::unique_ptr<trainer::Mark> MakeMark() override { return std::make_unique<SlowMark>(time += 0.5); }
  std::size_t QueueAhead() const override { return 0; }
  void LimitMemory(std::uint32_t) override {}
  std::uint32_t PeakMemoryMib() override { return 0; }
  std::uint32_t HostThreads() const override { return 1; }
  std::string CudnnVersion() const override { return ""; }
  double time = 0;
  std::string name = "slow";
  trainer::DeviceIdentity id;
};

/// What the program does with a window, its lines going nowhere.
class Sink {
 public:
  Sink() : events_(open("/dev/null", O_WRONLY)), console_(/*quiet=*/true, /*json=*/false) {}
  absl::Status Take(const v1::Window& window) {
    summary_.Add(window);
    console_.Progress(window, summary_.Throughput(), 0.5);
    v1::TrainerEvent event;
    *event.mutable_window() = window;
    return events_.Write(event);
  }

 private:
  trainer::Summary summary_;
  trainer::EventWriter events_;
  trainer::Console console_;
};

/// Seconds of bookkeeping in a round of one window with one step.
double BookkeepingSeconds() {
  constexpr std::uint32_t kWindows = 20000;
  v1::Limits limits;
  limits.set_n_batches(kWindows);
  limits.set_max_seconds(86400);
  NoStep step;
  SlowDevice device;
  trainer::Pacer pacer(limits, 1);
  const std::atomic<int> interrupted{0};
  Sink sink;
  const double begin = Now();
  const auto status = trainer::RunWindows({step, device, pacer, SystemClock(), interrupted}, 1,
                                          [&](const v1::Window& window) { return sink.Take(window); });
  return status.ok() ? (Now() - begin) / kWindows : NAN;
}

struct Rounds {
  std::vector<double> trainer_over_bare, bare_over_bare, trainer_step, bare_step;
  std::uint32_t steps = 0;
};

Rounds Compare(Device& device, std::uint32_t pairs, std::uint32_t batch, std::uint32_t size) {
  const auto step = trainer::MakeStandardStep(
      device, {.model = "resnet50", .batch_size = batch, .image_size = size, .numerics = {}, .seed = 1});
  BareLoop first(batch, size, false);
  BareLoop second(batch, size, false);
  const auto time = [](BareLoop* loop, std::uint32_t steps) {
    const double begin = Now();
    loop->Run(steps);
    return (Now() - begin) / steps;
  };
  v1::Limits limits;
  limits.set_seconds(0.5 * pairs);
  limits.set_max_seconds(86400);
  trainer::Pacer pacer(limits, batch);
  const std::atomic<int> interrupted{0};
  Sink sink;
  Rounds rounds;
  const auto status = trainer::RunWindows({*step, device, pacer, SystemClock(), interrupted}, batch,
                                          [&](const v1::Window& window) -> absl::Status {
                                            const bool swap = window.sequence() % 2 == 0;
                                            const double one = time(swap ? &second : &first, window.steps());
                                            const double other = time(swap ? &first : &second, window.steps());
                                            if (!window.warm_up()) {
                                              const double own = window.seconds() / window.steps();
                                              rounds.trainer_over_bare.push_back((swap ? other : one) / own);
                                              rounds.bare_over_bare.push_back(swap ? other / one : one / other);
                                              rounds.trainer_step.push_back(own);
                                              rounds.bare_step.push_back(swap ? other : one);
                                              rounds.steps += window.steps();
                                            }
                                            return sink.Take(window);
                                          });
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::printf("losses              %.4f (trainer), %.4f, %.4f (bare)\n", step->Loss(), first.Loss(), second.Loss());
  return rounds;
}

int Main(std::uint32_t pairs, std::uint32_t batch, std::uint32_t size) {
  const double plain_allocation = AllocationSeconds();
  const auto device = trainer::OpenCpu();
  const double own_allocation = AllocationSeconds();
  utsname system{};
  uname(&system);
  std::printf("machine             %s, %u MiB, Linux %s, %d threads\n", device->identity().name.c_str(),
              device->identity().memory_mib, system.release, Threads());
  std::printf("versions            LibTorch %s, source %s\n", RSG_TORCH_VERSION, SourceRevision());
  std::printf("cell                resnet50, batch %u, %u px, fp32, nchw; %u pairs\n", batch, size, pairs);

  const Rounds rounds = Compare(*device, pairs, batch, size);
  const double step = Median(rounds.trainer_step);
  std::printf("steps               %u of each; median step %.2f ms (trainer), %.2f ms (bare)\n", rounds.steps,
              1e3 * step, 1e3 * Median(rounds.bare_step));
  Print("trainer / bare", MeanRatio(rounds.trainer_over_bare));
  Print("bare / bare (A/A)", MeanRatio(rounds.bare_over_bare));

  BareLoop counted(batch, size, false);
  counted.Run(1);
  const double allocations = static_cast<double>(AllocationsPerStep(&counted));
  const double counting = std::max(0.0, own_allocation - plain_allocation) * allocations;
  const double bookkeeping = BookkeepingSeconds();
  const double per_step = bookkeeping / (rounds.steps / static_cast<double>(rounds.trainer_step.size()));
  std::printf("bookkeeping         %.2f us a window, that is %.2f us a step\n", 1e6 * bookkeeping, 1e6 * per_step);
  std::printf(
      "memory cap          %.1f us a step: %.0f allocations, each %.0f ns dearer than by LibTorch's allocator\n",
      1e6 * counting, allocations, 1e9 * (own_allocation - plain_allocation));
  std::printf("share of a step     %.5f %% (budget 0.1 %%); with a window for each step it were %.5f %%\n",
              100 * (per_step + counting) / step, 100 * (bookkeeping + counting) / step);
  return 0;
}

}  // namespace
}  // namespace rsg::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, std::uint32_t usual) {
    return argc > i ? static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10)) : usual;
  };
  const std::uint32_t pairs = number(1, 60);
  const std::uint32_t batch = number(2, 4);
  const std::uint32_t size = number(3, 64);
  if (pairs < 11 || batch < 1 || size < 33) {
    std::fprintf(stderr, "usage: trainer_loop [PAIRS >= 11 [BATCH >= 1 [SIZE >= 33]]]\n");
    return 2;
  }
  return rsg::bench::Main(pairs, batch, size);
}
