// What agents and trainers report: machine facts, batches of windows, ends. Windows and results: validate_result.cpp.
#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/validate.hpp"
#include "common/words.hpp"

namespace rsg {
namespace {

constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxError = 4 << 10;
constexpr std::size_t kMaxInfo = 64 << 10;
constexpr std::size_t kMaxLogTail = 16 << 10;
constexpr int kMaxDevices = 32;
constexpr int kMaxModels = 256;
// 32 GPUs take 4 KiB, 256 models 6 KiB. Bounds what is in no field that is known here, too: see kMaxListBytes.
constexpr std::size_t kMaxMachine = 16 << 10;

absl::Status Wrong(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

bool NotNegative(double value) { return std::isfinite(value) && value >= 0; }

absl::Status CheckText(absl::string_view field, const std::string& text, std::size_t most) {
  if (text.size() <= most) return absl::OkStatus();
  return Wrong(field, absl::StrCat(text.size(), " bytes; at most ", most, " are taken"));
}

absl::Status CheckDevice(const v1::Device& device) {
  if (device.id().empty() || device.id().size() > 64) return Wrong("device.id", "empty or longer than 64 bytes");
  if (Word(device.kind()).empty()) return Wrong("device.kind", absl::StrCat(device.kind(), " is unknown"));
  if (device.name().empty()) return Wrong("device.name", "empty");
  if (auto s = CheckText("device.name", device.name(), kMaxName); !s.ok()) return s;
  if (auto s = CheckText("device.compute_capability", device.compute_capability(), 16); !s.ok()) return s;
  if (device.precisions().size() > 16) return Wrong("device.precisions", "more than 16");
  return absl::OkStatus();
}

absl::Status CheckAttempt(const std::string& attempt_id, const std::string& lease_token) {
  if (attempt_id.empty() || attempt_id.size() > 64) return Wrong("attempt_id", "empty or longer than 64 bytes");
  if (!IsHex(lease_token, 32)) return Wrong("lease_token", "not 32 hex digits");
  return absl::OkStatus();
}

}  // namespace

bool IsHex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

absl::Status Validate(const v1::MachineFacts& machine) {
  const v1::Stack& stack = machine.stack();
  for (const std::string* text :
       {&machine.machine_id(), &machine.hostname(), &machine.operating_system(), &machine.cpu_model(),
        &machine.driver_version(), &stack.trainer_version(), &stack.torch_version(), &stack.cuda_version(),
        &stack.cudnn_version(), &stack.source_revision()})
    if (auto s = CheckText("machine", *text, kMaxName); !s.ok()) return s;
  if (machine.devices().empty()) return Wrong("devices", "none; a machine has at least its CPU");
  if (machine.devices().size() > kMaxDevices) return Wrong("devices", "more than 32");
  if (machine.models().size() > kMaxModels) return Wrong("models", "more than 256");
  for (const std::string& model : machine.models())
    if (auto s = CheckText("models", model, 64); !s.ok()) return s;
  std::set<std::string> ids;
  for (const v1::Device& device : machine.devices()) {
    if (auto s = CheckDevice(device); !s.ok()) return s;
    if (!ids.insert(device.id()).second) return Wrong("device.id", device.id() + " stands twice");
  }
  if (machine.ByteSizeLong() > kMaxMachine)
    return Wrong("machine", absl::StrCat(machine.ByteSizeLong(), " bytes; at most ", kMaxMachine, " are taken"));
  return absl::OkStatus();
}

absl::Status Validate(const v1::Hello& hello) {
  if (!IsHex(hello.instance_id(), 32)) return Wrong("instance_id", "not 32 hex digits");
  if (hello.name().empty()) return Wrong("name", "empty");
  if (auto s = CheckText("name", hello.name(), 64); !s.ok()) return s;
  if (auto s = CheckText("agent_version", hello.agent_version(), 64); !s.ok()) return s;
  if (auto s = CheckText("boot_id", hello.boot_id(), 64); !s.ok()) return s;
  if (static_cast<std::size_t>(hello.attempts().size()) > kMaxAttemptsInHand) return Wrong("attempts", "more than 64");
  for (const v1::AttemptInHand& attempt : hello.attempts())
    if (auto s = CheckAttempt(attempt.attempt_id(), attempt.lease_token()); !s.ok()) return s;
  if (auto s = CheckText("cpu_info", hello.cpu_info(), kMaxInfo); !s.ok()) return s;
  if (auto s = CheckText("gpu_info", hello.gpu_info(), kMaxInfo); !s.ok()) return s;
  return Validate(hello.machine());
}

absl::Status Validate(const v1::WindowBatch& batch, std::uint32_t batch_size, std::uint32_t max_windows) {
  if (auto s = CheckAttempt(batch.attempt_id(), batch.lease_token()); !s.ok()) return s;
  if (batch.windows().empty()) return Wrong("windows", "none");
  if (static_cast<std::uint32_t>(batch.windows().size()) > max_windows)
    return Wrong("windows", absl::StrCat(batch.windows().size(), "; at most ", max_windows, " are taken at once"));
  std::uint32_t expected = batch.windows(0).sequence();
  for (const v1::Window& window : batch.windows()) {
    if (window.sequence() != expected++) return Wrong("sequence", absl::StrCat(window.sequence(), " leaves a gap"));
    if (auto s = Validate(window, batch_size); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Validate(const v1::AttemptFinished& finished, std::uint32_t batch_size) {
  if (auto s = CheckAttempt(finished.attempt_id(), finished.lease_token()); !s.ok()) return s;
  if (Word(finished.outcome()).empty() || finished.outcome() == v1::OUTCOME_SKIPPED)
    return Wrong("outcome", absl::StrCat(finished.outcome(), " is no end of an attempt"));
  if (auto s = CheckText("error", finished.error(), kMaxError); !s.ok()) return s;
  if (auto s = CheckText("log_tail", finished.log_tail(), kMaxLogTail); !s.ok()) return s;
  if (!NotNegative(finished.runtime_seconds())) return Wrong("runtime_seconds", "negative or not finite");
  if (finished.outcome() != v1::OUTCOME_COMPLETED) return absl::OkStatus();
  if (!finished.has_result()) return Wrong("result", "absent, with outcome COMPLETED");
  return Validate(finished.result(), batch_size);
}

absl::Status Validate(const v1::TrainerEvent& event, std::uint32_t batch_size) {
  switch (event.event_case()) {
    case v1::TrainerEvent::kStarted:
      return absl::OkStatus();
    case v1::TrainerEvent::kWindow:
      return Validate(event.window(), batch_size);
    case v1::TrainerEvent::kFinished:
      break;
    case v1::TrainerEvent::EVENT_NOT_SET:
      return Wrong("event", "none of started, window and finished");
  }
  const v1::TrainerFinished& finished = event.finished();
  if (Word(finished.outcome()).empty()) return Wrong("outcome", absl::StrCat(finished.outcome(), " is unknown"));
  if (auto s = CheckText("error", finished.error(), kMaxError); !s.ok()) return s;
  if (finished.outcome() != v1::OUTCOME_COMPLETED) return absl::OkStatus();
  if (!finished.has_result()) return Wrong("result", "absent, with outcome COMPLETED");
  return Validate(finished.result(), batch_size);
}

}  // namespace rsg
