#include "samples.hpp"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "fake_wandb.hpp"

namespace rsg::wandb {

store::RunContent RunOf(std::int64_t job) {
  store::RunContent run;
  run.database_id = "0123456789abcdef0123456789abcdef";
  run.agent = "rented";
  run.sweep.sweep = 3;
  run.sweep.submitted_unix = 1699999990;
  v1::SweepSpec& spec = run.sweep.spec;
  spec.add_models("resnet50");
  spec.add_batch_sizes(256);
  spec.add_precisions(v1::PRECISION_FP32);
  spec.add_precisions(v1::PRECISION_FP16);
  spec.add_memory_formats(v1::MEMORY_FORMAT_NCHW);
  spec.set_mode(v1::MODE_STANDARD);
  spec.set_repeats(1);
  run.job.key = {3, job};
  run.job.repeat = 1;
  run.job.device_id = "GPU-1";
  run.job.device_name = "NVIDIA GeForce RTX 3090";
  run.job.machine_id = "00112233aabbccdd";
  v1::Cell& cell = run.job.cell;
  cell.set_model("resnet50");
  cell.set_batch_size(256);
  cell.set_image_size(224);
  cell.set_precision(v1::PRECISION_FP16);
  cell.set_memory_format(v1::MEMORY_FORMAT_NCHW);
  cell.set_mode(v1::MODE_STANDARD);
  run.machine.set_hostname("gpu-1");
  run.machine.set_operating_system("Debian GNU/Linux 12 (bookworm)");
  run.machine.set_cpu_model("AMD EPYC 7443");
  run.machine.set_driver_version("550.54");
  run.machine.mutable_stack()->set_torch_version("2.11.0");
  run.machine.mutable_stack()->set_cuda_version("13.0");
  v1::Device& device = *run.machine.add_devices();
  device.set_id("GPU-1");
  device.set_memory_mib(24576);
  device.set_compute_capability("8.6");
  return run;
}

namespace {

schedule::AttemptRecord& Append(store::RunContent* run, std::uint32_t windows) {
  const auto number = static_cast<std::int64_t>(run->attempts.size()) + 1;
  schedule::AttemptRecord& attempt = run->attempts.emplace_back();
  attempt.key = {run->job.key, number};
  attempt.state = v1::JOB_STATE_RUNNING;
  attempt.assigned_unix = 1700000000 + 100 * static_cast<double>(number - 1);
  attempt.started_unix = attempt.assigned_unix + 1;
  attempt.last_sequence = windows;
  return attempt;
}

}  // namespace

void AddRunning(store::RunContent* run, std::uint32_t windows) { Append(run, windows); }

void AddAttempt(store::RunContent* run, std::uint32_t windows, v1::Outcome outcome) {
  schedule::AttemptRecord& attempt = Append(run, windows);
  attempt.state = v1::JOB_STATE_ENDED;
  attempt.outcome = outcome;
  attempt.ended_unix = *attempt.started_unix + 50;
  if (outcome != v1::OUTCOME_COMPLETED) {
    attempt.error = "it went wrong";
    return;
  }
  v1::Result& result = run->result.emplace();
  result.set_throughput(100);
  result.set_samples(2560);
  result.set_seconds(25.5);
  result.set_windows(windows);
  result.set_steps(10);
  result.set_ci_low(99.5);
  result.set_ci_high(100.5);
  result.set_verdict(v1::VERDICT_VALID);
  result.mutable_telemetry()->set_energy_joules(5120);
  result.mutable_keys()->set_method("1111111111111111");
}

v1::Window WindowOf(std::uint32_t sequence) {
  v1::Window window;
  window.set_sequence(sequence);
  window.set_steps(1);
  window.set_samples(256);
  window.set_seconds(2);
  window.set_wall_seconds(2);
  window.set_start_seconds(2.0 * sequence - 2);
  window.set_warm_up(sequence == 1);
  window.mutable_telemetry()->set_power_watts(350);
  return window;
}

void MemoryOutbox::Put(const store::RunContent& run, bool ended) {
  Stored& stored = runs_[run.job.key];
  stored.content = run;
  store::UnsentRun& unsent = stored.unsent;
  unsent.run.job = run.job.key;
  if (unsent.run.run_id.empty()) unsent.run.run_id = absl::StrCat("s3-", run.job.key.job, "-abc");
  unsent.run.files_sent = run.cpu_info.empty();
  unsent.lines = History(run).lines();
  unsent.ended = ended && !run.attempts.empty() && run.attempts.back().state == v1::JOB_STATE_ENDED;
  unsent.outcome = unsent.ended ? run.attempts.back().outcome : v1::OUTCOME_UNSPECIFIED;
}

bool MemoryOutbox::AllDone() const {
  return std::all_of(runs_.begin(), runs_.end(),
                     [](const auto& entry) { return entry.second.unsent.run.phase == schedule::WandbPhase::kDone; });
}

absl::StatusOr<std::vector<store::UnsentRun>> MemoryOutbox::Unsent(std::uint32_t limit) {
  std::vector<store::UnsentRun> unsent;
  for (const auto& [key, stored] : runs_) {
    const auto phase = stored.unsent.run.phase;
    if (phase == schedule::WandbPhase::kDone || phase == schedule::WandbPhase::kStuck) continue;
    unsent.push_back(stored.unsent);
    if (unsent.size() == limit) break;
  }
  return unsent;
}

absl::StatusOr<std::optional<store::UnsentRun>> MemoryOutbox::Find(const schedule::JobKey& job,
                                                                   const schedule::WandbTarget&) {
  return runs_.at(job).unsent;
}

absl::StatusOr<store::RunContent> MemoryOutbox::Content(const schedule::JobKey& job, const schedule::WandbTarget&) {
  if (!unreadable.ok()) return unreadable;
  return runs_.at(job).content;
}

absl::StatusOr<std::vector<v1::Window>> MemoryOutbox::Windows(const schedule::AttemptKey&, std::uint32_t first,
                                                              std::uint32_t limit) {
  std::vector<v1::Window> windows;
  for (std::uint32_t i = 0; i < limit; ++i) windows.push_back(WindowOf(first + i));
  return windows;
}

absl::Status MemoryOutbox::Advance(const schedule::WandbRun& run) {
  if (!broken.ok()) return broken;
  schedule::WandbRun& stored = runs_.at(run.job).unsent.run;
  if (stored.revision != run.revision) return absl::OkStatus();
  stored = run;
  ++stored.revision;
  return absl::OkStatus();
}

void RunFor(Forwarder* forwarder, TestClock* clock, double seconds) {
  const double end = clock->Monotonic() + seconds;
  while (clock->Monotonic() < end) {
    const double wait = forwarder->Run();
    clock->Advance(std::min(std::max(wait, 1e-3), end - clock->Monotonic() + 1e-6));
  }
}

}  // namespace rsg::wandb
