// Follows a sweep until it has ended: `sweep watch`, `sweep submit --watch`, `bench`.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/interrupt.hpp"
#include "coordinator/cli/output.hpp"

namespace rsg::cli {

/// Shows the progress of a sweep. Errors: the output's reader went away or it cannot be written.
class Display {
 public:
  virtual ~Display() = default;
  /// The state, `age_seconds` after it arrived (0: it is new); `note`, when not empty, says what else is to be known.
  virtual absl::Status Show(const v1::SweepStatus& sweep, double age_seconds, const std::string& note) = 0;
  /// Once, after the last Show().
  virtual absl::Status Finish(const v1::SweepStatus& sweep) = 0;
};

/// INVALID_ARGUMENT for CSV, in which nobody can be shown how a sweep goes.
absl::Status CheckShowsProgress(Format format);

/// Draws in place on a terminal that allows it; else prints a line whenever the counts have changed; with kJson the
/// row of `sweep list` for each state, a line each. Always to `fd`.
std::unique_ptr<Display> MakeDisplay(int fd, Format format, ColorChoice color);
/// Shows nothing but the last line.
std::unique_ptr<Display> MakeQuietDisplay(int fd, Format format);

struct WatchOptions {
  double give_up_seconds = 600;  ///< after so long without a coordinator
  /// Asked about once a second and at each news; an error ends the watching. For `bench`, whose agent may die.
  std::function<absl::Status()> check = [] { return absl::OkStatus(); };
};

struct WatchEnd {
  v1::SweepStatus last;
  bool interrupted = false;
};

/// Follows `sweep_id` (empty: the newest) until it has ended or `interrupts` counts one. Reconnects, with back-off,
/// once it has had a first answer; says so.
absl::StatusOr<WatchEnd> Watch(Client* client, const std::string& sweep_id, const WatchOptions& options,
                               const Interrupts& interrupts, Display* display);

/// Exit code and last words for the end of `sweep watch` and `sweep submit --watch`.
int ReportWatchEnd(const absl::StatusOr<WatchEnd>& end);

/// kDone, kJobsFailed, or kFailed for a cancelled sweep.
int SweepExitCode(const v1::SweepStatus& sweep);

}  // namespace rsg::cli
