// How stored sweeps and jobs are shown: rows into the messages of control.proto.
#pragma once
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/schedule/records.hpp"
#include "coordinator/store/sqlite.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::store {

struct ShownJob {
  schedule::JobKey key;
  v1::ResultRow row;  ///< `job` always; the rest only of an ended job
};

/// SELECT ... FROM ..., to be followed by WHERE and ORDER BY on j.sweep and j.job; for ReadShownJob.
extern const absl::string_view kSelectShownJob;
absl::StatusOr<ShownJob> ReadShownJob(const Statement& row);

/// Counts the jobs of sweep ?1, without control jobs; for StatusOf.
extern const absl::string_view kSelectCounts;
v1::SweepStatus StatusOf(const schedule::SweepRecord& sweep, const Statement& counts);

}  // namespace rsg::store
