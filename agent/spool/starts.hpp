// Which of the processes on a state folder is the newest.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/status/status.h"

namespace rsg::agent {

/// The next process's number: one more than `last`, or the seconds of the wall clock if that is more. So a folder that
/// was put back from a backup, or that has lost its number, does not fall behind, and a clock that runs backwards does
/// no harm. Pure.
std::uint32_t NextStart(std::optional<std::uint32_t> last, double unix_seconds);

struct StartNumber {
  std::uint32_t value = 0;
  absl::Status kept;  ///< why it could not be written down, or what was there was damaged; it is used all the same
};

/// Counts a start: reads the folder's number, takes the next, and has written it down durably when it returns. The
/// caller holds the folder's lock.
StartNumber CountStart(const std::filesystem::path& state_folder, double unix_seconds);

}  // namespace rsg::agent
