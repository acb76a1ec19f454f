// What arrives from outside is checked here before anybody acts on it. protobuf's JSON lets null, NaN and unknown enum
// numbers pass; these functions do not. Every error is INVALID_ARGUMENT: "field: value is wrong; remedy". Pure.
#pragma once
#include <string_view>

#include "absl/status/status.h"
#include "rsg/v1/control.pb.h"
#include "rsg/v1/fleet.pb.h"
#include "rsg/v1/trainer.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg {

inline constexpr std::uint32_t kMaxBatchSize = 65536;
inline constexpr std::size_t kMaxAttemptsInHand = 64;

/// Known model or valid script (common/script.hpp), batch size 1..65536, size and memory format that fit it, known
/// precision, memory format and mode.
absl::Status Validate(const v1::Cell& cell);
/// Finite, in range, not both seconds and n_batches, max_seconds present.
absl::Status Validate(const v1::Limits& limits);
/// Steps, samples and seconds positive and finite, sequence >= 1, samples = steps x batch_size; shares 0..1, readings
/// finite.
absl::Status Validate(const v1::Window& window, std::uint32_t batch_size);
/// Finite and positive, samples = steps x batch_size, throughput = samples / seconds within 0.1 % and inside its
/// interval, known stop reason and verdict, shares 0..1, keys of 16 hex digits, texts of at most 1 KiB.
absl::Status Validate(const v1::Result& result, std::uint32_t batch_size);
/// Bounded lists and texts, device ids present and distinct.
absl::Status Validate(const v1::MachineFacts& machine);
absl::Status Validate(const v1::Hello& hello);
/// Windows contiguous and valid by themselves; at most `max_windows`.
absl::Status Validate(const v1::WindowBatch& batch, std::uint32_t batch_size, std::uint32_t max_windows);
absl::Status Validate(const v1::AttemptFinished& finished, std::uint32_t batch_size);
/// One line of the trainer. `batch_size` is the job's.
absl::Status Validate(const v1::TrainerEvent& event, std::uint32_t batch_size);
/// Everything about a sweep that needs no machine: models, sizes, lists without duplicates, ranges, selector.
absl::Status Validate(const v1::SweepSpec& spec);

/// True for a token of `digits` lower-case hex digits.
bool IsHex(std::string_view text, std::size_t digits);

}  // namespace rsg
