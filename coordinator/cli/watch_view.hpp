// How `rsg sweep watch` shows a sweep: lines of text, a pure function of the sweep's state and the terminal.
#pragma once
#include <string>
#include <vector>

#include "coordinator/cli/terminal.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::cli {

/// Jobs that have ended, in whatever way.
std::uint32_t EndedJobs(const v1::JobCounts& counts);

/// Completed or cancelled.
bool HasEnded(const v1::SweepStatus& sweep);

/// What waits for machines that are away, and what to do about it; nothing when nothing does.
std::vector<std::string> AbsentLines(const v1::SweepStatus& sweep);

/// The live picture: heading, progress bar, counts, drift of control cells, what waits for machines that are away, a
/// table of the running jobs; each line at most style.width columns, together at most style.height - 1 lines.
/// `age_seconds`: how old `sweep` is, added to what runs on by itself.
std::vector<std::string> WatchLines(const v1::SweepStatus& sweep, double age_seconds, const Style& style);

/// One line that tells all: "s3 RUNNING 5/24 jobs ended, 2 running, 1 out of memory, 3 min left".
std::string ProgressLine(const v1::SweepStatus& sweep);

/// "sweep s3 COMPLETED in 12 min: 20 completed, 1 out of memory, 3 skipped; control drift -0.4 % ± 0.9 %".
std::string SummaryLine(const v1::SweepStatus& sweep, bool unicode);

}  // namespace rsg::cli
