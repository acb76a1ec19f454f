// An rsg-agent as a child of this process, for `rsg bench`. Used from one thread, the one that starts it.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rsg::cli {

/// The path of rsg-agent: $RSG_AGENT, else `configured`, else beside this program, else on PATH. NOT_FOUND tells where
/// it was looked for.
absl::StatusOr<std::filesystem::path> FindAgentProgram(const std::optional<std::string>& configured);

/// A child in a process group of its own (the terminal's Ctrl-C does not reach it), which the kernel kills when this
/// process dies.
class AgentProcess {
 public:
  /// `environment` is all that the child gets, as NAME=value. Its output goes to `log`, made anew (0600).
  static absl::StatusOr<AgentProcess> Start(const std::filesystem::path& program, std::vector<std::string> environment,
                                            const std::filesystem::path& log);

  AgentProcess(AgentProcess&& other) noexcept;
  AgentProcess& operator=(AgentProcess&&) = delete;
  /// Kills it when it still runs.
  ~AgentProcess();

  /// OK while it runs, else how it ended and the last lines of its log.
  absl::Status Check();

  /// Tells it to end: in good order at first, at once after `patience_seconds` or when `hurry` says so, by force a
  /// while later. Returns when it is gone, after patience_seconds + 10 at most.
  void Stop(double patience_seconds, const std::function<bool()>& hurry);

 private:
  AgentProcess(pid_t pid, std::filesystem::path log) : pid_(pid), log_(std::move(log)) {}
  bool Running();

  pid_t pid_;  // 0: moved from, or reaped
  std::filesystem::path log_;
  int wait_status_ = 0;
};

/// The last lines of a file, at most `count` and at most 4 KiB; empty when it cannot be read. Pure but for the file.
std::string LastLines(const std::filesystem::path& path, int count);

/// `environment` without what is an rsg program's own, and with `more` ("NAME=value") added.
std::vector<std::string> AgentEnvironment(const char* const* environment, const std::vector<std::string>& more);

}  // namespace rsg::cli
