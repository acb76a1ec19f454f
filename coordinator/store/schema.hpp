// Which databases are ours, and how an older one becomes the newest. The tables and views themselves: migration_*.cpp.
#pragma once
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

inline constexpr std::int64_t kApplicationId = 0x5253476f;  ///< "RSGo" in SQLite's header

/// The steps from an empty database to the newest schema; step n makes version n (PRAGMA user_version), from 1.
/// A step that has been released is never changed: a change is a further step.
std::span<const char* const> Migrations();

/// The schema's version, 0 for an empty database. FAILED_PRECONDITION for another program's database or a version that
/// is newer than this program; nothing is written either way.
absl::StatusOr<std::int64_t> SchemaVersion(Connection& connection);

/// Brings the schema to the newest version, in one transaction.
absl::Status Migrate(Connection& connection);

}  // namespace rsg::store
