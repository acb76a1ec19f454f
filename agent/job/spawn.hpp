// Starts a program as a child that cannot outlive this process: its own process group, nothing of our descriptors,
// killed by the kernel when we die, no core dumps, few descriptors, no way to more privileges. Only from the main
// thread: the kernel's parent-death signal is tied to the thread that forks.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace rsg::agent {

struct SpawnRequest {
  std::string program;                           ///< path
  std::vector<std::string> arguments;            ///< without the program itself
  std::vector<std::string> environment;          ///< NAME=value; all there is
  std::vector<std::pair<int, int>> descriptors;  ///< ours -> the child's, which is 1 to 9; its 0 is /dev/null
};

/// The child's id, which is its process group's as well. It is not reaped before the caller waits for it. Errors name
/// the path: NOT_FOUND, PERMISSION_DENIED and others of exec; RESOURCE_EXHAUSTED of fork; FAILED_PRECONDITION off the
/// main thread.
absl::StatusOr<pid_t> SpawnProcess(const SpawnRequest& request);

/// How long the end of a child that was killed is awaited before it is left to the kernel.
inline constexpr double kReapSeconds = 10;

/// Waits for the end of the child and gives its status as waitpid does; nothing, with a warning in the log, when it
/// lives on after `seconds`: a driver that hangs keeps a process in the kernel whatever kills it, and nobody who waited
/// for it would end either.
std::optional<int> Reap(pid_t pid, double seconds = kReapSeconds);

}  // namespace rsg::agent
