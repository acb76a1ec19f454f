#include "agent/trainer/report/event_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/json.hpp"

namespace rsg::trainer {

absl::Status EventWriter::Write(const v1::TrainerEvent& event) {
  if (fd_ < 0) return absl::OkStatus();
  const std::string line = ToJson(event) + "\n";
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t written = write(fd_, left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // somebody made the descriptor non-blocking
      pollfd entry{.fd = fd_, .events = POLLOUT, .revents = 0};
      poll(&entry, 1, -1);
    } else if (errno != EINTR) {
      return absl::UnavailableError(absl::StrCat(
          "json-lines: descriptor ", fd_, " cannot be written to: ", std::strerror(errno), "; was its reader closed?"));
    }
  }
  return absl::OkStatus();
}

}  // namespace rsg::trainer
