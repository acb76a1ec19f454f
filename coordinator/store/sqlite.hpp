// SQLite's handles with owners, and its errors as statuses. A connection and its statements are used by one thread at a
// time. Statements must not outlive their connection.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rsg::store {

/// The connection's last error, with the database's path and a remedy. `doing` completes "cannot ...".
absl::Status SqliteError(sqlite3* connection, absl::string_view doing);

/// A prepared statement. Either Run (no rows wanted), or Start and Step until false; Step ends the read by itself at
/// the last row and at an error, Reset ends it earlier.
class Statement {
 public:
  /// Binds ?1, ?2, ... and steps to the end. Texts are copied.
  template <typename... Values>
  absl::Status Run(const Values&... values) {
    if (auto started = Start(values...); !started.ok()) return started;
    return Finish();
  }

  /// Binds ?1, ?2, ... for stepping.
  template <typename... Values>
  absl::Status Start(const Values&... values) {
    Reset();
    [[maybe_unused]] int at = 0;
    const bool bound = ((Bind(++at, values) == SQLITE_OK) && ...);
    return bound ? absl::OkStatus() : Error();
  }

  /// Binds one parameter by its number, from 1.
  template <typename Value>
  absl::Status Set(int at, const Value& value) {
    return Bind(at, value) == SQLITE_OK ? absl::OkStatus() : Error();
  }

  /// True when it stands on a row.
  absl::StatusOr<bool> Step();
  void Reset();

  // Columns of the current row, from 0. Text stays valid until the next Step.
  std::int64_t Int(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  std::uint32_t Uint(int column) const { return static_cast<std::uint32_t>(Int(column)); }
  double Real(int column) const { return sqlite3_column_double(handle_.get(), column); }
  bool IsNull(int column) const { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
  std::string_view Text(int column) const;
  std::optional<double> OptionalReal(int column) const;
  int columns() const { return sqlite3_column_count(handle_.get()); }

 private:
  friend class Connection;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  absl::Status Finish();
  absl::Status Error();

  template <typename Value>
  int Bind(int at, const std::optional<Value>& value) {
    return value ? Bind(at, *value) : sqlite3_bind_null(handle_.get(), at);
  }
  template <typename Value>
  int Bind(int at, const Value& value) {
    if constexpr (std::is_floating_point_v<Value>) {
      return sqlite3_bind_double(handle_.get(), at, value);
    } else if constexpr (std::is_integral_v<Value>) {
      return sqlite3_bind_int64(handle_.get(), at, static_cast<sqlite3_int64>(value));
    } else {
      return BindText(at, value);
    }
  }
  int BindText(int at, std::string_view text);

  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
};

class Connection {
 public:
  enum class Access { kWrite, kRead };

  /// kWrite makes the file (0600) when it is absent. kRead works on a WAL database whose -wal and -shm are gone, too,
  /// on read-only media included.
  static absl::StatusOr<Connection> Open(const std::filesystem::path& database, Access access);

  /// Runs one or more statements and drops their rows. `doing` completes "cannot ...".
  absl::Status Execute(const std::string& sql, absl::string_view doing);

  /// A statement to be used again and again.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);

  /// The first column of the first row, as a number.
  absl::StatusOr<std::int64_t> Number(absl::string_view sql);

  /// Rows changed by the last INSERT, UPDATE or DELETE.
  int Changes() const { return sqlite3_changes(handle_.get()); }

  /// Ends an open transaction without keeping it; nothing to do when there is none.
  void Rollback();

  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<sqlite3, Closer> handle_;
};

}  // namespace rsg::store
