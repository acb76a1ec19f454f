// What a restarted coordinator begins with, read from the database.
#pragma once
#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

/// All agents and tokens, the sweeps that have not ended with all their jobs, all attempts that have not ended.
absl::StatusOr<schedule::Snapshot> LoadSnapshot(Connection& connection);

}  // namespace rsg::store
