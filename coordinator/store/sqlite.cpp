#include "coordinator/store/sqlite.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rsg::store {
namespace {

constexpr int kBusyTimeoutMilliseconds = 5000;

bool IsSpaceError(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

absl::Status MakeStatus(int code, int system_error, absl::string_view path, absl::string_view doing,
                        absl::string_view message) {
  const std::string what = absl::StrCat("database ", path, ": cannot ", doing, ": ");
  const int primary = code & 0xff;
  if (primary == SQLITE_FULL || (primary == SQLITE_IOERR && IsSpaceError(system_error))) {
    return absl::ResourceExhaustedError(absl::StrCat(
        what, "no space left (", message, "); free space on its disk, or raise the quota or file size limit"));
  }
  switch (primary) {
    case SQLITE_CORRUPT:
      return absl::DataLossError(
          absl::StrCat(what, "the file is damaged (", message,
                       "); restore a backup, or save what is left with `sqlite3 FILE .recover`"));
    case SQLITE_NOTADB:
      return absl::DataLossError(
          absl::StrCat(what, "this is no SQLite database, or a damaged one; name another state directory"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(absl::StrCat(
          what, "another program holds its lock; end that program (read with `sqlite3 -readonly`, which takes none)"));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      if (system_error == ENOENT) return absl::NotFoundError(absl::StrCat(what, "there is no such file or folder"));
      return absl::PermissionDeniedError(
          absl::StrCat(what, message, "; make file and folder readable and writable for this user"));
    case SQLITE_CONSTRAINT:
      if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return absl::AlreadyExistsError(absl::StrCat(what, "already there (", message, ")"));
      }
      return absl::InvalidArgumentError(absl::StrCat(what, "refused by the schema (", message, ")"));
    case SQLITE_IOERR:
      return absl::UnavailableError(
          absl::StrCat(what, message, system_error != 0 ? absl::StrCat(" (", std::strerror(system_error), ")") : "",
                       "; look at the disk"));
    default:
      return absl::InternalError(absl::StrCat(what, message, " (SQLite code ", code, ")"));
  }
}

// sqlite3_open_v2 would make the file with the umask's permissions; this one holds hashes and lease tokens.
absl::Status MakePrivateFile(const std::filesystem::path& database) {
  const int fd = open(database.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return absl::OkStatus();
  }
  const int error = errno;
  const int code = IsSpaceError(error) ? SQLITE_FULL : SQLITE_CANTOPEN;
  return MakeStatus(code, error, database.string(), "make the file", std::strerror(error));
}

int OpenHandle(const std::string& name, int flags, sqlite3** handle) {
  const int code = sqlite3_open_v2(name.c_str(), handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code == SQLITE_OK) sqlite3_busy_timeout(*handle, kBusyTimeoutMilliseconds);
  return code;
}

// Nothing is read by opening alone: the first read finds out whether the WAL's files can be had.
int FirstRead(sqlite3* handle) {
  return sqlite3_exec(handle, "SELECT 1 FROM sqlite_schema", nullptr, nullptr, nullptr);
}

// Percent-encodes what means something in a file: URI.
std::string ImmutableUri(const std::filesystem::path& database) {
  std::string uri = "file:";
  for (const char letter : std::filesystem::absolute(database).string()) {
    if (letter == '%' || letter == '?' || letter == '#') {
      absl::StrAppend(&uri, "%", absl::Hex(static_cast<unsigned char>(letter), absl::kZeroPad2));
    } else {
      uri += letter;
    }
  }
  return uri + "?immutable=1";
}

// The system's last error. sqlite3_system_errno misses a failed write to the WAL during COMMIT, the WAL's file knows
// it.
int SystemError(sqlite3* connection) {
  if (const int error = sqlite3_system_errno(connection); error != 0) return error;
  sqlite3_file* wal = nullptr;
  int error = 0;
  const int found = sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (found != SQLITE_OK || wal == nullptr || wal->pMethods == nullptr) return 0;
  wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error;
}

}  // namespace

absl::Status SqliteError(sqlite3* connection, absl::string_view doing) {
  const char* path = sqlite3_db_filename(connection, "main");
  return MakeStatus(sqlite3_extended_errcode(connection), SystemError(connection), path ? path : "", doing,
                    sqlite3_errmsg(connection));
}

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) return Error();
  Reset();
  return false;
}

absl::Status Statement::Finish() {
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(handle_.get());
  if (code != SQLITE_DONE) return Error();
  Reset();
  return absl::OkStatus();
}

void Statement::Reset() {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
}

absl::Status Statement::Error() {
  const char* sql = sqlite3_sql(handle_.get());
  const absl::string_view first_words = absl::string_view(sql ? sql : "").substr(0, 40);
  auto error = SqliteError(sqlite3_db_handle(handle_.get()),
                           absl::StrCat("run \"", first_words.substr(0, first_words.find_first_of("(\n")), "\""));
  Reset();
  return error;
}

int Statement::BindText(int at, std::string_view text) {
  return sqlite3_bind_text64(handle_.get(), at, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8);
}

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::optional<double> Statement::OptionalReal(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Real(column);
}

absl::StatusOr<Connection> Connection::Open(const std::filesystem::path& database, Access access) {
  if (access == Access::kWrite) {
    if (auto made = MakePrivateFile(database); !made.ok()) return made;
  } else if (std::error_code error; !std::filesystem::exists(database, error) && !error) {
    return absl::NotFoundError(absl::StrCat("database ", database.string(),
                                            ": there is no such file; name the state directory that `rsg serve` uses"));
  }
  sqlite3* handle = nullptr;
  const int flags = access == Access::kWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  int code = OpenHandle(database.string(), flags, &handle);
  Connection connection;
  connection.handle_.reset(handle);
  if (code == SQLITE_OK) code = FirstRead(handle);
  // In a folder that cannot be written to, the WAL's index cannot be made. With no WAL there the file alone is whole.
  std::error_code unknown;
  const bool without_wal = !std::filesystem::exists(database.string() + "-wal", unknown) && !unknown;
  const bool no_index = (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY;
  if (access == Access::kRead && no_index && without_wal) {
    code = OpenHandle(ImmutableUri(database), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &handle);
    connection.handle_.reset(handle);
    if (code == SQLITE_OK) code = FirstRead(handle);
  }
  if (code == SQLITE_OK) return connection;
  return MakeStatus(code, sqlite3_system_errno(handle), database.string(), "open it", sqlite3_errmsg(handle));
}

absl::Status Connection::Execute(const std::string& sql, absl::string_view doing) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(handle_.get(), doing);
}

absl::StatusOr<Statement> Connection::Prepare(absl::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return SqliteError(handle_.get(), "prepare a statement");
  Statement statement;
  statement.handle_.reset(handle);
  return statement;
}

absl::StatusOr<std::int64_t> Connection::Number(absl::string_view sql) {
  auto statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const auto row = statement->Step();
  if (!row.ok()) return row.status();
  return *row ? statement->Int(0) : 0;
}

void Connection::Rollback() {
  if (sqlite3_get_autocommit(handle_.get()) == 0) sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace rsg::store
