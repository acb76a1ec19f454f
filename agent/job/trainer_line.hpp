// What the trainer says, read with suspicion. Pure.
#pragma once
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "rsg/v1/trainer.pb.h"

namespace rsg::agent {

/// Longest line that a trainer may write, in bytes.
inline constexpr std::size_t kMaxTrainerLine = 64 << 10;

/// One line as an event that is valid by itself: parsable, known enum values, finite numbers, samples that go with the
/// job's batch size. INVALID_ARGUMENT names what is wrong and shows the beginning of the line.
absl::StatusOr<v1::TrainerEvent> ParseTrainerLine(std::string_view line, std::uint32_t batch_size);

}  // namespace rsg::agent
