// What was asked for on the command line.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "agent/trainer/peak.hpp"
#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

enum class Verb { kRun, kInfo, kModels, kProbe, kCheck };

struct CommandLine {
  Verb verb = Verb::kRun;
  bool json = false;           ///< print one line of JSON instead of text
  std::string device;          ///< of verbs run and probe, as OpenDevice takes it; empty: GPU where there is one
  v1::Cell cell;               ///< valid, of verbs run and check; all that follows is of verb run
  std::string script_file{};   ///< of the cell's script; empty: it has none
  v1::Limits limits;           ///< valid
  int json_lines_fd = -1;      ///< -1: none
  std::uint64_t seed = 0;      ///< of check, too
  double soak_seconds = 0;     ///< 0: no soak
  std::string thermal_gate{};  ///< file with the device's settled temperature; empty: no gate
  PeakSource peak;             ///< what the throughput is compared with
  /// Of verb probe: what to measure; empty: all that the device has.
  std::optional<v1::Precision> probe_precision;
};

/// Exit codes of the program.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitOutOfMemory = 3;
inline constexpr int kExitUnsupported = 4;

/// The exit code that tells of an error.
int ExitCodeOf(const absl::Status& status);

/// Parses and checks. An int is the exit code after help, the version or an error has been printed.
std::variant<CommandLine, int> ParseCommandLine(int argc, const char* const* argv);

}  // namespace rsg::trainer
