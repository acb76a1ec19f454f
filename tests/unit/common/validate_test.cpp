#include "common/validate.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "absl/strings/match.h"
#include "common/json.hpp"

namespace rsg {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

v1::SweepSpec GoodSpec() {
  v1::SweepSpec spec;
  spec.add_models("resnet18");
  spec.add_batch_sizes(8);
  spec.add_precisions(v1::PRECISION_FP32);
  spec.add_memory_formats(v1::MEMORY_FORMAT_NCHW);
  spec.mutable_limits()->set_seconds(30);
  return spec;
}

v1::Window GoodWindow(std::uint32_t sequence = 1) {
  v1::Window window;
  window.set_sequence(sequence);
  window.set_steps(2);
  window.set_samples(16);
  window.set_seconds(0.5);
  window.set_wall_seconds(0.5);
  window.set_start_seconds(sequence * 0.5);
  return window;
}

v1::Result GoodResult() {
  v1::Result result;
  result.set_throughput(32);
  result.set_windows(1);
  result.set_steps(2);
  result.set_samples(16);
  result.set_seconds(0.5);
  result.set_wall_seconds(0.5);
  result.set_stop_reason(v1::STOP_REASON_SECONDS);
  return result;
}

// Expects that the change makes a good message bad, with an error that names `word`.
template <typename Message, typename Check>
void ExpectRefused(Message message, const std::function<void(Message&)>& change, const Check& check,
                   const std::string& word) {
  ASSERT_TRUE(check(message).ok()) << check(message);
  change(message);
  const absl::Status status = check(message);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message.ShortDebugString();
  EXPECT_NE(status.message().find(word), std::string::npos) << status;
}

TEST(ValidateSweep, NamesFieldValueAndRemedy) {
  const auto check = [](const v1::SweepSpec& spec) { return Validate(spec); };
  using Spec = v1::SweepSpec;
  const auto refused = [&](const std::function<void(Spec&)>& change, const std::string& word) {
    ExpectRefused<Spec>(GoodSpec(), change, check, word);
  };
  refused([](Spec& s) { s.set_models(0, "resnet51"); }, "resnet18, resnet34");
  refused([](Spec& s) { s.clear_models(); }, "models");
  refused([](Spec& s) { s.set_batch_sizes(0, 0); }, "batch_size: 0");
  refused([](Spec& s) { s.set_batch_sizes(0, 65537); }, "1 to 65536");
  refused([](Spec& s) { s.add_batch_sizes(8); }, "8 stands twice");
  refused([](Spec& s) { s.add_image_sizes(16); }, "size: 16");
  refused([](Spec& s) { s.set_precisions(0, static_cast<v1::Precision>(77)); }, "precision: 77");
  refused([](Spec& s) { s.mutable_limits()->set_seconds(kNaN); }, "seconds");
  refused([](Spec& s) { s.mutable_limits()->set_n_batches(5); }, "together with n_batches");
  refused([](Spec& s) { s.mutable_limits()->set_target_half_width(0.01); }, "together with target");
  for (const double target : {0.0, 0.00005, 0.51, -1.0, kNaN, std::numeric_limits<double>::infinity()})
    refused(
        [target](Spec& s) {
          s.clear_limits();
          s.mutable_limits()->set_target_half_width(target);
        },
        "use 0.01 to 50 %");
  refused([](Spec& s) { s.set_mode(static_cast<v1::Mode>(9)); }, "standard, original, tuned");
  refused([](Spec& s) { s.set_repeats(101); }, "repeats: 101");
  refused([](Spec& s) { s.mutable_devices()->set_open_for_seconds(-1); }, "open_for");
}

TEST(ValidateWindow, RefusesWhatJsonLetsPass) {
  const auto check = [](const v1::Window& window) { return Validate(window, 8); };
  const auto refused = [&](const std::function<void(v1::Window&)>& change, const std::string& word) {
    ExpectRefused<v1::Window>(GoodWindow(), change, check, word);
  };
  refused([](v1::Window& w) { w.set_seconds(kNaN); }, "seconds");
  refused([](v1::Window& w) { w.set_seconds(0); }, "seconds");
  refused([](v1::Window& w) { w.set_wall_seconds(kInfinity); }, "wall_seconds");
  refused([](v1::Window& w) { w.set_samples(17); }, "steps x batch_size");
  refused([](v1::Window& w) { w.set_sequence(0); }, "sequence");

  v1::Window from_null;
  ASSERT_TRUE(FromJson(R"({"sequence":1,"steps":2,"samples":16,"seconds":null,"wall_seconds":0.5})", &from_null).ok());
  EXPECT_FALSE(Validate(from_null, 8).ok()) << "null became 0 and passed";
}

TEST(ValidateResult, ThroughputMustBeSamplesOverSeconds) {
  const auto check = [](const v1::Result& result) { return Validate(result, 8); };
  const auto refused = [&](const std::function<void(v1::Result&)>& change, const std::string& word) {
    ExpectRefused<v1::Result>(GoodResult(), change, check, word);
  };
  refused([](v1::Result& r) { r.set_throughput(33); }, "throughput");
  refused([](v1::Result& r) { r.set_throughput(kNaN); }, "throughput");
  refused([](v1::Result& r) { r.set_throughput(kInfinity); }, "throughput");
  refused([](v1::Result& r) { r.set_stop_reason(static_cast<v1::StopReason>(50)); }, "stop_reason");
  refused([](v1::Result& r) { r.set_final_loss(kNaN); }, "final_loss");
  refused([](v1::Result& r) { r.set_samples(8); }, "samples");
}

v1::Result JudgedResult() {
  v1::Result result = GoodResult();
  result.set_ci_low(31.5);
  result.set_ci_high(32.25);
  result.set_verdict(v1::VERDICT_THROTTLED);
  result.set_evidence("58 % of the time under thermal slowdown");
  result.set_drained_share(0.25);
  result.set_median(32);
  result.mutable_telemetry()->set_temperature_celsius(-3);
  result.mutable_telemetry()->set_thermal_share(0.58);
  result.mutable_device_limits()->set_power_limit_watts(350);
  result.mutable_physics()->set_flops(1e12);
  result.mutable_physics()->set_share_of_peak(1.05);
  result.mutable_flags()->set_attention("math+flash");
  result.mutable_keys()->set_stack("0123456789abcdef");
  return result;
}

TEST(ValidateResult, IntervalHoldsTheThroughput) {
  const auto check = [](const v1::Result& result) { return Validate(result, 8); };
  const auto refused = [&](const std::function<void(v1::Result&)>& change, const std::string& word) {
    ExpectRefused<v1::Result>(JudgedResult(), change, check, word);
  };
  refused([](v1::Result& r) { r.set_ci_low(32.1); }, "ci_low");
  refused([](v1::Result& r) { r.set_ci_high(31.9); }, "ci_high");
  refused([](v1::Result& r) { r.clear_ci_high(); }, "one without the other");
  refused([](v1::Result& r) { r.clear_ci_low(); }, "one without the other");
  refused([](v1::Result& r) { r.set_ci_high(kInfinity); }, "ci_high: not finite");
  refused([](v1::Result& r) { r.set_ci_low(kNaN); }, "ci_low: not finite");
  refused([](v1::Result& r) { r.set_median(-1); }, "median");
}

TEST(ValidateResult, JudgementReadingsAndKeysAreInRange) {
  const auto check = [](const v1::Result& result) { return Validate(result, 8); };
  const auto refused = [&](const std::function<void(v1::Result&)>& change, const std::string& word) {
    ExpectRefused<v1::Result>(JudgedResult(), change, check, word);
  };
  refused([](v1::Result& r) { r.set_verdict(static_cast<v1::Verdict>(42)); }, "verdict: 42");
  refused([](v1::Result& r) { r.set_sustained_throughput(0); }, "sustained_throughput: 0");
  refused([](v1::Result& r) { r.set_soak_seconds(-1); }, "soak_seconds: -1");
  refused([](v1::Result& r) { r.set_evidence(std::string(1025, 'x')); }, "evidence: 1025 bytes");
  refused([](v1::Result& r) { r.set_drained_share(1.01); }, "drained_share");
  refused([](v1::Result& r) { r.set_drained_share(-0.01); }, "drained_share");
  refused([](v1::Result& r) { r.mutable_telemetry()->set_hardware_share(1.5); }, "telemetry.hardware_share");
  refused([](v1::Result& r) { r.mutable_telemetry()->set_cpu_load(2); }, "telemetry.cpu_load");
  refused([](v1::Result& r) { r.mutable_telemetry()->set_power_watts(-1); }, "telemetry.power_watts");
  refused([](v1::Result& r) { r.mutable_telemetry()->set_power_watts(1e10); }, "telemetry.power_watts");
  refused([](v1::Result& r) { r.mutable_telemetry()->set_sm_clock_mhz(kNaN); }, "sm_clock_mhz: not finite");
  refused([](v1::Result& r) { r.mutable_device_limits()->set_power_limit_watts(-1); }, "power_limit_watts");
  refused([](v1::Result& r) { r.mutable_physics()->set_flop_per_sample(-1); }, "physics");
  refused([](v1::Result& r) { r.mutable_physics()->set_peak_flops(0); }, "physics.peak_flops");
  refused([](v1::Result& r) { r.mutable_physics()->set_share_of_peak(-1); }, "physics.share_of_peak");
  refused([](v1::Result& r) { r.mutable_keys()->set_method("0123456789ABCDEF"); }, "keys");
  refused([](v1::Result& r) { r.mutable_keys()->set_machine("0123"); }, "keys");
  refused([](v1::Result& r) { r.mutable_flags()->set_note(std::string(1025, 'x')); }, "flags.note");
  refused([](v1::Result& r) { r.mutable_flags()->set_attention("slow"); }, "flags.attention: 'slow' is unknown");
  refused([](v1::Result& r) { r.mutable_flags()->set_attention("math+"); }, "flags.attention");
  refused([](v1::Result& r) { r.mutable_flags()->set_attention(std::string(129, 'x')); }, "flags.attention: 129 bytes");
  refused([](v1::Result& r) { r.mutable_stack()->set_torch_version(std::string(129, 'x')); }, "stack");
}

TEST(ValidateWindow, ReadingsAreInRange) {
  const auto check = [](const v1::Window& window) { return Validate(window, 8); };
  v1::Window good = GoodWindow();
  good.set_drained_share(1);
  good.mutable_telemetry()->set_cpu_load(0.5);
  good.mutable_telemetry()->set_temperature_celsius(71);
  const auto refused = [&](const std::function<void(v1::Window&)>& change, const std::string& word) {
    ExpectRefused<v1::Window>(good, change, check, word);
  };
  refused([](v1::Window& w) { w.set_drained_share(kNaN); }, "drained_share");
  refused([](v1::Window& w) { w.set_drained_share(1.1); }, "drained_share");
  refused([](v1::Window& w) { w.mutable_telemetry()->set_power_cap_share(-1); }, "telemetry.power_cap_share");
  refused([](v1::Window& w) { w.mutable_telemetry()->set_energy_joules(kInfinity); }, "telemetry.energy_joules");
  refused([](v1::Window& w) { w.mutable_telemetry()->set_temperature_celsius(kNaN); }, "telemetry.temperature");
}

TEST(ValidateBatch, GapsAndFloodsAreRefused) {
  v1::WindowBatch batch;
  batch.set_attempt_id("s1.1.1");
  batch.set_lease_token(std::string(32, 'a'));
  EXPECT_FALSE(Validate(batch, 8, 64).ok());
  *batch.add_windows() = GoodWindow(3);
  *batch.add_windows() = GoodWindow(4);
  EXPECT_TRUE(Validate(batch, 8, 64).ok());
  EXPECT_FALSE(Validate(batch, 8, 1).ok());
  *batch.add_windows() = GoodWindow(6);
  EXPECT_FALSE(Validate(batch, 8, 64).ok());
}

TEST(ValidateFinished, CompletedNeedsItsResult) {
  v1::AttemptFinished finished;
  finished.set_attempt_id("s1.1.1");
  finished.set_lease_token(std::string(32, 'a'));
  finished.set_outcome(v1::OUTCOME_COMPLETED);
  EXPECT_FALSE(Validate(finished, 8).ok());
  *finished.mutable_result() = GoodResult();
  EXPECT_TRUE(Validate(finished, 8).ok());
  finished.set_outcome(v1::OUTCOME_SKIPPED);
  EXPECT_FALSE(Validate(finished, 8).ok());
  finished.set_outcome(v1::OUTCOME_FAILED);
  finished.clear_result();
  finished.set_error(std::string(5000, 'x'));
  EXPECT_FALSE(Validate(finished, 8).ok());
}

TEST(ValidateMachine, DevicesArePresentAndDistinct) {
  v1::MachineFacts machine;
  EXPECT_FALSE(Validate(machine).ok());
  v1::Device* device = machine.add_devices();
  device->set_id("CPU-1");
  device->set_kind(v1::DEVICE_KIND_CPU);
  device->set_name("a processor");
  EXPECT_TRUE(Validate(machine).ok());
  *machine.add_devices() = machine.devices(0);
  EXPECT_FALSE(Validate(machine).ok());
}

TEST(ValidateMachine, IsBoundedInEachTextAndAsAWhole) {
  v1::MachineFacts machine;
  for (int i = 0; i < 32; ++i) {
    v1::Device& device = *machine.add_devices();
    device.set_id("GPU-01234567-89ab-cdef-0123-" + std::to_string(100000000000 + i));
    device.set_kind(v1::DEVICE_KIND_GPU);
    device.set_name("NVIDIA GeForce RTX 3080 Ti Laptop GPU");
    for (int precision = 1; precision <= 5; ++precision) device.add_precisions(v1::Precision(precision));
    device.set_compute_capability("8.6");
  }
  for (int i = 0; i < 256; ++i) machine.add_models("efficientnetv2_" + std::to_string(i));
  EXPECT_TRUE(Validate(machine).ok());
  machine.mutable_stack()->set_torch_version(std::string(257, 'x'));
  EXPECT_FALSE(Validate(machine).ok());
  machine.mutable_stack()->set_torch_version("2.11.0");
  for (std::string& model : *machine.mutable_models()) model = std::string(64, 'x');
  EXPECT_TRUE(absl::StrContains(Validate(machine).message(), "at most 16384"));
  machine.clear_models();
  EXPECT_TRUE(Validate(machine).ok());
  machine.GetReflection()->MutableUnknownFields(&machine)->AddLengthDelimited(1000, std::string(100'000, 'x'));
  EXPECT_FALSE(Validate(machine).ok());
}

}  // namespace
}  // namespace rsg
