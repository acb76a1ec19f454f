// Rows into vectors.
#pragma once
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

/// Steps a started statement to its end and appends what `read` (Statement -> StatusOr<Row>) makes of each row.
template <typename Row, typename Read>
absl::Status AppendRows(Statement& statement, Read read, std::vector<Row>* rows) {
  while (true) {
    const auto more = statement.Step();
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    auto row = read(static_cast<const Statement&>(statement));
    if (!row.ok()) {
      statement.Reset();
      return row.status();
    }
    rows->push_back(*std::move(row));
  }
}

/// Prepares, starts with the values, and appends all rows.
template <typename Row, typename Read, typename... Values>
absl::Status Select(Connection& connection, absl::string_view sql, Read read, std::vector<Row>* rows,
                    const Values&... values) {
  auto statement = connection.Prepare(sql);
  if (!statement.ok()) return statement.status();
  if (auto started = statement->Start(values...); !started.ok()) return started;
  return AppendRows(*statement, read, rows);
}

}  // namespace rsg::store
