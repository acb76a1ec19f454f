#include "agent/job/trainer_line.hpp"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/protocol/text.hpp"
#include "common/json.hpp"
#include "common/validate.hpp"

namespace rsg::agent {

absl::StatusOr<v1::TrainerEvent> ParseTrainerLine(std::string_view line, std::uint32_t batch_size) {
  constexpr std::size_t kShown = 120;
  v1::TrainerEvent event;
  absl::Status status = FromJson(line, &event);
  if (status.ok()) status = Validate(event, batch_size);
  if (status.ok()) return event;
  // protobuf's parser goes on to quote the line and to point into it.
  absl::string_view what = status.message();
  what = what.substr(0, what.find('\n'));
  absl::ConsumePrefix(&what, "INVALID_ARGUMENT:");
  return absl::InvalidArgumentError(
      absl::StrCat(what, " (in the line: ", OneLine(line, kShown), line.size() > kShown ? "..." : "", ")"));
}

}  // namespace rsg::agent
