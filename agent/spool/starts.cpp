#include "agent/spool/starts.hpp"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/files.hpp"

namespace rsg::agent {

std::uint32_t NextStart(std::optional<std::uint32_t> last, double unix_seconds) {
  constexpr std::uint32_t kHighest = std::numeric_limits<std::uint32_t>::max();
  const std::uint32_t next = last ? std::min(*last, kHighest - 1) + 1 : 1;
  const auto clock = static_cast<std::uint32_t>(std::clamp(unix_seconds, 1.0, double{kHighest} - 1));
  return std::max(next, clock);
}

StartNumber CountStart(const std::filesystem::path& state_folder, double unix_seconds) {
  const std::filesystem::path file = state_folder / "start";
  StartNumber start;
  std::optional<std::uint32_t> last;
  const auto content = ReadFile(file, 64);
  std::uint32_t number = 0;
  if (content.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*content), &number)) last = number;
  start.value = NextStart(last, unix_seconds);
  const absl::Status written = WriteFile(file, absl::StrCat(start.value, "\n"));
  if (!written.ok())
    start.kept = written;
  else if (!last && !absl::IsNotFound(content.status()))
    start.kept = absl::DataLossError(absl::StrCat(file.string(), " was damaged; it is begun anew by the clock"));
  return start;
}

}  // namespace rsg::agent
