// rsg-trainer as its callers meet it: command line, exit codes, JSON lines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "busy_cpu.hpp"
#include "child.hpp"
#include "common/json.hpp"
#include "common/models.hpp"
#include "common/validate.hpp"
#include "common/version.hpp"
#include "common/words.hpp"

namespace rsg::trainer {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Program, MeasuresAndReportsToPeopleAndMachines) {
  const Ended ended = RunTrainer(Tiny({"--seconds", "0.3", "--json-lines", "3"}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("samples/s"));
  EXPECT_THAT(ended.err, StartsWith("resnet18, batch 2, 32 px, fp32, nchw on "));
  const auto events = EventsOf(ended);
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events.front().started().cell().model(), "resnet18");
  EXPECT_EQ(events.front().started().protocol_version(), kProtocolVersion);
  EXPECT_FALSE(events.front().started().device_name().empty());
  std::uint32_t sequence = 0;
  std::uint32_t measured = 0;
  double seconds = 0;
  double start = -1;
  for (std::size_t i = 1; i + 1 < events.size(); ++i) {
    const v1::Window& window = events[i].window();
    EXPECT_EQ(window.sequence(), ++sequence);
    EXPECT_GT(window.start_seconds(), start);
    start = window.start_seconds();
    if (window.warm_up()) continue;
    ++measured;
    seconds += window.seconds();
  }
  const v1::TrainerFinished& finished = events.back().finished();
  EXPECT_EQ(finished.outcome(), v1::OUTCOME_COMPLETED);
  const v1::Result& result = finished.result();
  EXPECT_EQ(result.stop_reason(), v1::STOP_REASON_SECONDS);
  EXPECT_EQ(result.windows(), measured);
  EXPECT_NEAR(result.seconds(), seconds, 1e-9);
  EXPECT_GE(result.warm_up_seconds(), 1);
  EXPECT_EQ(result.parameters(), 11689512u);
  EXPECT_GT(result.peak_memory_mib(), 50u);
  EXPECT_TRUE(result.has_final_loss());
  EXPECT_EQ(result.flags().threads(), 1u);
  EXPECT_FALSE(result.stack().torch_version().empty());
}

TEST(Program, SaysWhatIsSetBehindItsBack) {
  setenv("NVIDIA_TF32_OVERRIDE", "0", 1);
  const Ended ended = RunTrainer(Tiny({"--n-batches", "1", "--peak-flops", "1e12"}));
  unsetenv("NVIDIA_TF32_OVERRIDE");
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.err, HasSubstr("rsg-trainer: NVIDIA_TF32_OVERRIDE is set"));
  EXPECT_THAT(ended.err, Not(HasSubstr("CUDA_LAUNCH_BLOCKING")));
}

/// A machine with a library that passes for NVIDIA's driver and no GPU that it can be used for.
class ProgramWithADeadDriver : public ::testing::Test {
 protected:
  ProgramWithADeadDriver() {
    std::filesystem::create_directories(folder_);
    std::filesystem::create_symlink(RSG_FAKE_NVML, folder_ / "libcuda.so.1");
    setenv("LD_LIBRARY_PATH", folder_.c_str(), 1);
  }
  ~ProgramWithADeadDriver() override {
    before_.empty() ? unsetenv("LD_LIBRARY_PATH") : setenv("LD_LIBRARY_PATH", before_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  const std::filesystem::path folder_ = testing::TempDir() + "program_driver_" + std::to_string(getpid());
  const std::string before_ = std::getenv("LD_LIBRARY_PATH") != nullptr ? std::getenv("LD_LIBRARY_PATH") : "";
};

TEST_F(ProgramWithADeadDriver, SaysWhyItTrainsOnTheCpu) {
  const std::vector<std::string> arguments{"run",    "--model", "resnet18",     "--bs", "2",
                                           "--size", "32",      "--n-batches",  "1",    "--peak-flops",
                                           "1e12",   "--json",  "--json-lines", "3"};
  const Ended ended = RunTrainer(arguments);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, ContainsRegex("rsg-trainer: .*GPU.*; training on the CPU\n"));
  EXPECT_THAT(RunTrainer(Tiny({"--n-batches", "1", "--peak-flops", "1e12"})).err, Not(HasSubstr("GPU")))
      << "the CPU was asked for";
  EXPECT_THAT(RunTrainer({"info", "--json"}).err, ContainsRegex("rsg-trainer: .*GPU"));
}

TEST(Program, NBatchesAreCountedExactly) {
  const Ended ended = RunTrainer(Tiny({"--n_batches", "5", "--memory-format", "nhwc", "--json"}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  v1::TrainerFinished finished;
  ASSERT_TRUE(FromJson(ended.out, &finished, /*ignore_unknown=*/false).ok()) << ended.out;
  EXPECT_EQ(finished.result().steps(), 5u);
  EXPECT_EQ(finished.result().stop_reason(), v1::STOP_REASON_N_BATCHES);
}

TEST(Program, ModesAreLabelledAndCarryTheirKeys) {
  std::vector<std::string> methods;
  for (const char* mode : {"standard", "original", "tuned"}) {
    const Ended ended = RunTrainer(Tiny(
        {"--n_batches", "3", "--mode", mode, "--memory-format", "nchw", "--peak-flops", "1e12", "--json-lines", "3"}));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    const auto events = EventsOf(ended);
    const v1::Result& result = events.back().finished().result();
    EXPECT_EQ(Word(events.front().started().cell().mode()), mode);
    EXPECT_EQ(result.steps(), 3u);
    EXPECT_FALSE(result.has_drained_share());  // a CPU has no queue
    EXPECT_GT(result.physics().flop_per_sample(), 1e8);
    EXPECT_DOUBLE_EQ(result.physics().peak_flops(), 1e12);
    EXPECT_DOUBLE_EQ(result.physics().share_of_peak(), result.physics().flops() / 1e12);
    for (const std::string& key : {result.keys().method(), result.keys().stack(), result.keys().machine()})
      EXPECT_TRUE(IsHex(key, 16)) << key;
    methods.push_back(result.keys().method());
    EXPECT_EQ(result.flags().note(), std::string(mode) == "tuned" ? "no CUDA graph: a CPU has none" : "");
  }
  EXPECT_NE(methods[0], methods[1]);
  EXPECT_NE(methods[0], methods[2]);
}

TEST(Program, ProbesOnceAndRemembers) {
  const std::string cache = ::testing::TempDir() + "program_test_probes.json";
  std::remove(cache.c_str());
  const auto peak = [&] {
    const Ended ended = RunTrainer(Tiny({"--n_batches", "1", "--probe-cache", cache, "--json"}));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    v1::TrainerFinished finished;
    EXPECT_TRUE(FromJson(ended.out, &finished, /*ignore_unknown=*/false).ok()) << ended.out;
    return finished.result().physics().peak_flops();
  };
  const double measured = peak();
  EXPECT_GT(measured, 1e8);
  EXPECT_EQ(peak(), measured);  // measured anew it would differ in its last digits
  std::ofstream(cache) << "not ours";
  EXPECT_GT(peak(), 1e8);
  v1::ProbeList list;
  EXPECT_TRUE(FromJson(std::string(std::istreambuf_iterator<char>(std::ifstream(cache).rdbuf()), {}), &list).ok());
  EXPECT_EQ(list.probes_size(), 1);
}

TEST(Program, ACacheThatCannotBeWrittenIsSaidAndNothingMore) {
  const Ended ended = RunTrainer(Tiny({"--n_batches", "1", "--probe-cache", "/nowhere/probes.json"}));
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.err, HasSubstr("the probe of matrix products: "));
  EXPECT_THAT(ended.out, HasSubstr("of matrix products"));
}

TEST(Program, ProbePrintsATableAndJson) {
  const Ended ended = RunTrainer({"probe", "--device", "cpu", "--precision", "fp32", "--json"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  v1::ProbeList list;
  ASSERT_TRUE(FromJson(ended.out, &list, /*ignore_unknown=*/false).ok()) << ended.out;
  ASSERT_EQ(list.probes_size(), 1);
  EXPECT_EQ(list.probes(0).precision(), v1::PRECISION_FP32);
  EXPECT_GE(list.probes(0).size(), 512u);
  EXPECT_TRUE(IsHex(list.probes(0).fingerprint(), 16));
  EXPECT_THAT(RunTrainer({"probe", "--device", "cpu"}).out, HasSubstr("bf16"));
  EXPECT_EQ(RunTrainer({"probe", "--device", "cpu", "--precision", "fp16"}).exit_code, 4);
}

TEST(Program, MaxSecondsEndsWarmUpAndMeasurement) {
  const Ended ended = RunTrainer(Tiny({"--seconds", "20", "--max-seconds", "0.8", "--json-lines", "3"}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(EventsOf(ended).back().finished().result().stop_reason(), v1::STOP_REASON_LIMIT);
}

TEST(Program, OutOfMemoryIsAnOutcomeWithItsOwnExitCode) {
  const Ended ended = RunTrainer(Tiny({"--memory-limit", "20", "--json-lines", "3"}));
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, HasSubstr("out of memory"));
  const auto events = EventsOf(ended);
  EXPECT_EQ(events.back().finished().outcome(), v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_THAT(events.back().finished().error(), HasSubstr("20 MiB"));
}

TEST(Program, OutOfMemoryInTheFirstStepIsTheSame) {
  const Ended ended = RunTrainer(Tiny({"--memory-limit", "60", "--json-lines", "3"}));
  EXPECT_EQ(ended.exit_code, 3);
  const auto events = EventsOf(ended);
  EXPECT_TRUE(events.front().has_started());
  EXPECT_EQ(events.back().finished().outcome(), v1::OUTCOME_OUT_OF_MEMORY);
}

TEST(Program, ABatchThatNoMachineHoldsIsOutOfMemory) {
  const Ended ended = RunTrainer(
      {"run", "--model", "resnet18", "--bs", "65536", "--size", "4096", "--device", "cpu", "--json-lines", "3"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_EQ(EventsOf(ended).back().finished().outcome(), v1::OUTCOME_OUT_OF_MEMORY);
}

TEST(Program, APrecisionThatTheCpuLacksIsUnsupportedNeverReplaced) {
  for (const char* precision : {"fp16", "tf32"}) {
    const Ended ended = RunTrainer(Tiny({"--precision", precision, "--json-lines", "3"}));
    EXPECT_EQ(ended.exit_code, 4);
    EXPECT_THAT(ended.err, HasSubstr("use one of fp32, fp32-strict, bf16"));
    const auto events = EventsOf(ended);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].finished().outcome(), v1::OUTCOME_UNSUPPORTED);
  }
  EXPECT_EQ(RunTrainer(Tiny({"--fp16"})).exit_code, 4);
}

TEST(Program, SignalsFinishTheStepAndSayCancelled) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const Ended ended =
        RunTrainer(Tiny({"--seconds", "20", "--json-lines", "3"}), [signal, sent = false](int pid) mutable {
          if (!sent) kill(pid, signal);
          return sent = true;
        });
    EXPECT_EQ(ended.exit_code, 128 + signal);
    const auto events = EventsOf(ended);
    EXPECT_EQ(events.back().finished().outcome(), v1::OUTCOME_CANCELLED);
    EXPECT_FALSE(events.back().finished().has_result());
  }
}

TEST(Program, EndsWhenNobodyReadsItsEvents) {
  const Ended ended = RunTrainer(Tiny({"--seconds", "20", "--json-lines", "3"}), [](int) { return false; });
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("descriptor 3 cannot be written to"));
}

TEST(Program, UsageErrorsGoToStderrWithTheirOwnExitCode) {
  const Ended unknown = RunTrainer({"run", "--model", "resnet51", "--bs", "2"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.err,
            "rsg-trainer: model: 'resnet51' is unknown; did you mean 'resnet50'? Known: " + ModelNames() + "\n");
  EXPECT_THAT(unknown.out, IsEmpty());
  const Ended device = RunTrainer({"run", "--model", "resnet18", "--bs", "2", "--device", "tpu"});
  EXPECT_EQ(device.exit_code, 2);
  EXPECT_THAT(device.err, HasSubstr("device: 'tpu' is unknown; use cpu, cuda or cuda:N"));
}

TEST(Program, ColumnsOfTheModelsStandBelowTheirTitles) {
  const Ended ended = RunTrainer({"models"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  std::istringstream lines(ended.out);
  std::string title;
  std::getline(lines, title);
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(line.size(), title.size()) << line;
}

TEST(Program, InfoAnnouncesTheCpuLast) {
  const Ended ended = RunTrainer({"info", "--json"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  v1::TrainerInfo info;
  ASSERT_TRUE(FromJson(ended.out, &info, /*ignore_unknown=*/false).ok()) << ended.out;
  EXPECT_EQ(info.protocol_version(), kProtocolVersion);
  ASSERT_GE(info.devices_size(), 1);
  const v1::Device& cpu = *info.devices().rbegin();
  EXPECT_EQ(cpu.kind(), v1::DEVICE_KIND_CPU);
  EXPECT_EQ(cpu.id(), "");
  EXPECT_GT(cpu.memory_mib(), 0u);
  EXPECT_EQ(cpu.precisions_size(), 3);
  EXPECT_EQ(static_cast<std::size_t>(info.models_size()), Models().size());
  EXPECT_THAT(RunTrainer({"info"}).out, HasSubstr("fp32, fp32-strict, bf16"));
}

TEST(Program, ModelsAreListedAsTextAndJson) {
  const Ended ended = RunTrainer({"models", "--json"});
  v1::ModelList list;
  ASSERT_TRUE(FromJson(ended.out, &list, /*ignore_unknown=*/false).ok()) << ended.out;
  EXPECT_EQ(list.models(0).name(), "resnet18");
  EXPECT_THAT(RunTrainer({"models"}).out, HasSubstr("resnet50"));
}

TEST(Program, HelpTeachesAndVersionNamesTheStack) {
  const Ended help = RunTrainer({"run", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_THAT(help.out, HasSubstr("--memory-limit"));
  const Ended version = RunTrainer({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, StartsWith(std::string("rsg-trainer ") + kVersion));
  EXPECT_THAT(version.out, HasSubstr("LibTorch "));
  EXPECT_THAT(version.err, Not(HasSubstr("rror")));
}

TEST(Program, ACpuThatAnotherProgramUsesTooIsContended) {
  if (!std::filesystem::exists("/proc/self/schedstat")) GTEST_SKIP() << "this kernel does not count";
  const BusyCpu busy;
  const Ended ended = RunTrainer(Tiny({"--seconds", "1", "--json-lines", "3"}));
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const v1::Result result = EventsOf(ended).back().finished().result();
  EXPECT_EQ(result.verdict(), v1::VERDICT_CONTENDED) << result.evidence();
  EXPECT_GT(result.telemetry().cpu_wait_share(), 0.1);
  EXPECT_THAT(ended.out, HasSubstr("verdict        CONTENDED: waited "));
}

}  // namespace
}  // namespace rsg::trainer
