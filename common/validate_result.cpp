// What a trainer measured: windows and results.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/validate.hpp"
#include "common/words.hpp"

namespace rsg {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr double kMaxSeconds = 86400;
constexpr std::size_t kMaxEvidence = 1 << 10;  // any text for a person beside a result
constexpr std::size_t kMaxName = 128;
constexpr std::size_t kKeyDigits = 16;
// Far beyond what hardware tells, so that only nonsense is refused: MHz, watts, joules of a day, degrees.
constexpr double kMostReading = 1e9;
constexpr double kRounding = 1e-9;

absl::Status Wrong(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

bool Positive(double value) { return std::isfinite(value) && value > 0; }
bool NotNegative(double value) { return std::isfinite(value) && value >= 0; }
bool Share(double value) { return std::isfinite(value) && value >= 0 && value <= 1 + kRounding; }

absl::Status CheckText(absl::string_view field, const std::string& text, std::size_t most) {
  if (text.size() <= most) return absl::OkStatus();
  return Wrong(field, absl::StrCat(text.size(), " bytes; at most ", most, " are taken"));
}

absl::Status CheckSamples(std::uint32_t steps, std::uint32_t samples, std::uint32_t batch_size) {
  if (steps == 0) return Wrong("steps", "0; at least one is needed");
  if (samples == std::uint64_t{steps} * batch_size) return absl::OkStatus();
  return Wrong("samples", absl::StrCat(samples, " is not steps x batch_size = ", steps, " x ", batch_size));
}

// Every number of the message and of those within it, whatever fields it may gain.
absl::Status CheckFinite(const Message& message) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection->ListFields(message, &present);
  for (const FieldDescriptor* field : present) {
    if (field->is_repeated()) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE && !std::isfinite(reflection->GetDouble(message, field)))
      return Wrong(field->name(), "not finite");
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      if (auto s = CheckFinite(reflection->GetMessage(message, field)); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// The readings of Telemetry and DeviceLimits. Shares and loads are called so.
absl::Status CheckReadings(absl::string_view of, const Message& message) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection->ListFields(message, &present);
  for (const FieldDescriptor* field : present) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE) continue;
    const double value = reflection->GetDouble(message, field);
    const std::string name = absl::StrCat(of, ".", field->name());
    const bool share = absl::EndsWith(name, "_share") || absl::EndsWith(name, "_load");
    if (share && !Share(value)) return Wrong(name, absl::StrCat(value, " is no share from 0 to 1"));
    const bool below_zero = absl::EndsWith(name, "_celsius");  // the only reading that may be
    if (!std::isfinite(value) || value > kMostReading || value < (below_zero ? -kMostReading : 0))
      return Wrong(name, absl::StrCat(value, " is no reading"));
  }
  return absl::OkStatus();
}

absl::Status CheckInterval(const v1::Result& result) {
  if (result.has_ci_low() != result.has_ci_high()) return Wrong("ci_low, ci_high", "one without the other");
  if (!result.has_ci_low()) return absl::OkStatus();
  const double slack = kRounding * result.throughput();
  if (result.ci_low() <= result.throughput() + slack && result.throughput() <= result.ci_high() + slack)
    return absl::OkStatus();
  return Wrong("ci_low, ci_high", absl::StrCat(result.ci_low(), " to ", result.ci_high(), " does not hold throughput ",
                                               result.throughput()));
}

absl::Status CheckPhysics(const v1::Physics& physics) {
  if (!NotNegative(physics.flop_per_sample()) || !NotNegative(physics.flops()))
    return Wrong("physics.flops", "negative or not finite");
  if (physics.has_peak_flops() && !Positive(physics.peak_flops()))
    return Wrong("physics.peak_flops", absl::StrCat(physics.peak_flops(), " is no rate"));
  if (physics.has_share_of_peak() && !NotNegative(physics.share_of_peak()))
    return Wrong("physics.share_of_peak", "negative or not finite");
  return CheckText("physics.note", physics.note(), kMaxEvidence);
}

absl::Status CheckSoak(const v1::Result& result) {
  if (result.has_sustained_throughput() && !Positive(result.sustained_throughput()))
    return Wrong("sustained_throughput", absl::StrCat(result.sustained_throughput(), " is no rate"));
  if (result.has_soak_seconds() && !Positive(result.soak_seconds()))
    return Wrong("soak_seconds", absl::StrCat(result.soak_seconds(), " is no positive time"));
  return absl::OkStatus();
}

bool IsAttention(absl::string_view words) {
  constexpr std::array<absl::string_view, 4> kKernels{"math", "flash", "efficient", "cudnn"};
  const std::vector<absl::string_view> kernels = absl::StrSplit(words, '+', absl::SkipEmpty());
  return absl::StrJoin(kernels, "+") == words &&
         std::all_of(kernels.begin(), kernels.end(), [&](absl::string_view one) {
           return std::find(kKernels.begin(), kKernels.end(), one) != kKernels.end();
         });
}

absl::Status CheckProvenance(const v1::Result& result) {
  for (const std::string* key : {&result.keys().method(), &result.keys().stack(), &result.keys().machine()})
    if (!key->empty() && !IsHex(*key, kKeyDigits)) return Wrong("keys", "a key is not 16 hex digits");
  if (auto s = CheckText("flags.autocast_dtype", result.flags().autocast_dtype(), kMaxName); !s.ok()) return s;
  if (auto s = CheckText("flags.optimizer", result.flags().optimizer(), kMaxName); !s.ok()) return s;
  if (auto s = CheckText("flags.note", result.flags().note(), kMaxEvidence); !s.ok()) return s;
  if (auto s = CheckText("flags.attention", result.flags().attention(), kMaxName); !s.ok()) return s;
  if (!IsAttention(result.flags().attention()))
    return Wrong("flags.attention", absl::StrCat("'", result.flags().attention(),
                                                 "' is unknown; use math, flash, efficient, cudnn, joined by +"));
  const v1::Stack& stack = result.stack();
  for (const std::string* text : {&stack.trainer_version(), &stack.torch_version(), &stack.cuda_version(),
                                  &stack.cudnn_version(), &stack.source_revision()})
    if (auto s = CheckText("stack", *text, kMaxName); !s.ok()) return s;
  return absl::OkStatus();
}

absl::Status CheckJudgement(const v1::Result& result) {
  if (Word(result.stop_reason()).empty())
    return Wrong("stop_reason", absl::StrCat(result.stop_reason(), " is unknown"));
  if (result.verdict() != v1::VERDICT_UNSPECIFIED && Word(result.verdict()).empty())
    return Wrong("verdict", absl::StrCat(result.verdict(), " is unknown"));
  if (result.has_drained_share() && !Share(result.drained_share()))
    return Wrong("drained_share", absl::StrCat(result.drained_share(), " is no share from 0 to 1"));
  return CheckText("evidence", result.evidence(), kMaxEvidence);
}

}  // namespace

absl::Status Validate(const v1::Window& window, std::uint32_t batch_size) {
  if (window.sequence() == 0) return Wrong("sequence", "0; windows are numbered from 1");
  if (auto s = CheckSamples(window.steps(), window.samples(), batch_size); !s.ok()) return s;
  if (!Positive(window.seconds()) || window.seconds() > kMaxSeconds)
    return Wrong("seconds", absl::StrCat(window.seconds(), " is no positive time"));
  if (!Positive(window.wall_seconds()) || window.wall_seconds() > kMaxSeconds)
    return Wrong("wall_seconds", absl::StrCat(window.wall_seconds(), " is no positive time"));
  if (!NotNegative(window.start_seconds()))
    return Wrong("start_seconds", absl::StrCat(window.start_seconds(), " is no time"));
  if (window.has_drained_share() && !Share(window.drained_share()))
    return Wrong("drained_share", absl::StrCat(window.drained_share(), " is no share from 0 to 1"));
  return window.has_telemetry() ? CheckReadings("telemetry", window.telemetry()) : absl::OkStatus();
}

absl::Status Validate(const v1::Result& result, std::uint32_t batch_size) {
  if (auto s = CheckFinite(result); !s.ok()) return s;
  if (result.windows() == 0) return Wrong("windows", "0; a result rests on at least one");
  if (auto s = CheckSamples(result.steps(), result.samples(), batch_size); !s.ok()) return s;
  if (!Positive(result.throughput())) return Wrong("throughput", absl::StrCat(result.throughput(), " is no rate"));
  if (!Positive(result.seconds()) || !Positive(result.wall_seconds()))
    return Wrong("seconds", absl::StrCat(result.seconds(), " is no positive time"));
  if (!NotNegative(result.warm_up_seconds()) || !NotNegative(result.window_cv()) || !NotNegative(result.median()))
    return Wrong("warm_up_seconds, window_cv, median", "negative or not finite");
  if (std::abs(result.throughput() * result.seconds() / result.samples() - 1) > 1e-3)
    return Wrong("throughput", absl::StrCat(result.throughput(), " is not samples / seconds = ", result.samples(),
                                            " / ", result.seconds()));
  if (auto s = CheckInterval(result); !s.ok()) return s;
  if (auto s = CheckJudgement(result); !s.ok()) return s;
  if (auto s = CheckReadings("telemetry", result.telemetry()); !s.ok()) return s;
  if (auto s = CheckReadings("device_limits", result.device_limits()); !s.ok()) return s;
  if (auto s = CheckPhysics(result.physics()); !s.ok()) return s;
  if (auto s = CheckSoak(result); !s.ok()) return s;
  return CheckProvenance(result);
}

}  // namespace rsg
