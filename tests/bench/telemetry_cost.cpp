// What reading the machine ten times a second costs the training: the throughput with the sampler beside the one
// without, in one process, alternating.
//
//   cmake --build --preset release --target telemetry_cost && build/release/bench/telemetry_cost [PAIRS [DEVICE]]
//
// Nothing else may run meanwhile. A round is three segments of as many training steps: one with the sampler, two
// without, their order changing from round to round. The ratio of the two without is the A/A control: what it shows is
// noise. Budget: the interval of the first ratio reaches 1.00 on a CPU with 40 pairs or more, 0.999 on a GPU. Beside
// it, the time that a reading takes, and what share of a core ten a second are.
#include <sys/utsname.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "agent/trainer/device/open.hpp"
#include "agent/trainer/telemetry/open.hpp"
#include "agent/trainer/telemetry/sampler.hpp"
#include "agent/trainer/training/training_step.hpp"
#include "common/revision.hpp"
#include "ratio.hpp"

namespace rsg::bench {
namespace {

using trainer::Device;

constexpr double kSegmentSeconds = 1;
constexpr std::uint32_t kWarmUpSteps = 5;

double Now() { return SystemClock().Monotonic(); }

/// Seconds by the device that `steps` steps take.
double Train(Device& device, trainer::TrainingStep& step, std::uint32_t steps) {
  const auto begin = device.MakeMark();
  for (std::uint32_t i = 0; i < steps; ++i) step.Run();
  return device.MakeMark()->SecondsSince(*begin);
}

/// The same with a sampler, started before and ended after the measured time.
double TrainWatched(Device& device, trainer::TrainingStep& step, std::uint32_t steps, std::size_t* readings) {
  trainer::Sampler sampler(trainer::OpenReader(device.identity().uuid).reader, SystemClock());
  const double seconds = Train(device, step, steps);
  *readings += sampler.Take().size();
  return seconds;
}

struct Rounds {
  std::vector<double> watched_over_bare, bare_over_bare;  // of throughput
  std::size_t readings = 0;
  std::uint32_t steps = 0;  // of a segment
};

Rounds Compare(Device& device, trainer::TrainingStep& step, std::uint32_t pairs) {
  Rounds rounds;
  Train(device, step, kWarmUpSteps);
  const double seconds = Train(device, step, kWarmUpSteps) / kWarmUpSteps;
  rounds.steps = static_cast<std::uint32_t>(std::max(1.0, kSegmentSeconds / seconds));
  for (std::uint32_t round = 0; round < pairs; ++round) {
    std::array<double, 3> took{};  // watched, bare, bare
    for (std::size_t turn = 0; turn < took.size(); ++turn) {
      const std::size_t which = (round + turn) % took.size();
      took[which] =
          which == 0 ? TrainWatched(device, step, rounds.steps, &rounds.readings) : Train(device, step, rounds.steps);
    }
    // Which of the two comes first takes turns as well: the rotation alone keeps the second bare one after the first
    // in two rounds of three.
    const bool swap = round % 2 == 0;
    const double one = took[swap ? 2 : 1];
    const double other = took[swap ? 1 : 2];
    rounds.watched_over_bare.push_back(one / took[0]);
    rounds.bare_over_bare.push_back(one / other);
  }
  return rounds;
}

/// Seconds that one reading takes its thread.
double ReadingSeconds(const std::string& uuid) {
  constexpr int kReadings = 500;
  const auto opened = trainer::OpenReader(uuid);
  opened.reader->Read();
  const double begin = Now();
  for (int i = 0; i < kReadings; ++i) opened.reader->Read();
  return (Now() - begin) / kReadings;
}

int Main(std::uint32_t pairs, const char* name) {
  auto opened = trainer::OpenDevice(name);
  if (!opened.ok()) {
    std::fprintf(stderr, "telemetry_cost: %s\n", std::string(opened.status().message()).c_str());
    return 1;
  }
  Device& device = **opened;
  const std::uint32_t batch = device.is_gpu() ? 64 : 4;
  const std::uint32_t size = device.is_gpu() ? 224 : 64;
  const auto step = trainer::MakeStandardStep(
      device, {.model = "resnet50", .batch_size = batch, .image_size = size, .numerics = {}, .seed = 1});
  const trainer::OpenedReader reader = trainer::OpenReader(device.identity().uuid);
  utsname system{};
  uname(&system);
  std::printf("machine             %s, Linux %s, %u host threads\n", device.identity().name.c_str(), system.release,
              device.HostThreads());
  std::printf("versions            LibTorch %s, source %s\n", RSG_TORCH_VERSION, SourceRevision());
  std::printf("read by             %s\n", !device.is_gpu()      ? "the CPU's frequency and load"
                                          : reader.note.empty() ? "NVML"
                                                                : reader.note.c_str());
  const double begin = Now();
  const Rounds rounds = Compare(device, *step, pairs);
  std::printf("cell                resnet50, batch %u, %u px, fp32, nchw; %u pairs of %u steps in %.0f s\n", batch,
              size, pairs, rounds.steps, Now() - begin);
  std::printf("readings            %.1f a watched segment\n", static_cast<double>(rounds.readings) / pairs);
  Print("with / without", MeanRatio(rounds.watched_over_bare));
  Print("without (A/A)", MeanRatio(rounds.bare_over_bare));
  const double reading = ReadingSeconds(device.identity().uuid);
  std::printf("a reading           %.1f us, ten a second are %.4f %% of a core\n", 1e6 * reading,
              100 * reading / trainer::kReadingPeriod);
  return 0;
}

}  // namespace
}  // namespace rsg::bench

int main(int argc, char** argv) {
  const auto pairs = static_cast<std::uint32_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 60);
  if (pairs < 11 || argc > 3) {
    std::fprintf(stderr, "usage: telemetry_cost [PAIRS >= 11 [cpu|cuda|cuda:N]]\n");
    return 2;
  }
  return rsg::bench::Main(pairs, argc > 2 ? argv[2] : "");
}
