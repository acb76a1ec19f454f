// The SQL of QueryResults.
#pragma once
#include <optional>

#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"
#include "coordinator/store/sqlite.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::store {

/// A started SELECT of sweep and job of at most `limit` ended jobs that the request asks for, after the one given, in
/// the order of Reader::ResultsPage. INVALID_ARGUMENT when sweep_id is not one.
absl::StatusOr<Statement> SelectResults(Connection& connection, const v1::QueryResultsRequest& request,
                                        const std::optional<schedule::JobKey>& after, std::uint32_t limit);

}  // namespace rsg::store
