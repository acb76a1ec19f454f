#include "coordinator/store/schema.hpp"

#include <array>

#include "absl/strings/str_cat.h"
#include "coordinator/store/migrations.hpp"
#include "coordinator/store/transaction.hpp"

namespace rsg::store {
namespace {

std::string PathOf(const Connection& connection) { return sqlite3_db_filename(connection.handle(), "main"); }

}  // namespace

std::span<const char* const> Migrations() {
  static const std::array kMigrations{kMigration1, kMigration2, kMigration3, kMigration4,
                                      kMigration5, kMigration6, kMigration7};
  return kMigrations;
}

absl::StatusOr<std::int64_t> SchemaVersion(Connection& connection) {
  const auto application = connection.Number("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const auto version = connection.Number("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const auto objects = connection.Number("SELECT COUNT(*) FROM sqlite_schema");
  if (!objects.ok()) return objects.status();

  const bool empty = *application == 0 && *version == 0 && *objects == 0;
  if (empty) return 0;
  if (*application != kApplicationId) {
    return absl::FailedPreconditionError(absl::StrCat("database ", PathOf(connection),
                                                      ": it belongs to another program (application_id ", *application,
                                                      ", not ", kApplicationId, "); name another state directory"));
  }
  const auto newest = static_cast<std::int64_t>(Migrations().size());
  if (*version > newest) {
    return absl::FailedPreconditionError(
        absl::StrCat("database ", PathOf(connection), ": its schema is version ", *version,
                     ", newer than this program, which knows versions up to ", newest,
                     "; use the newer rsg that wrote it, or name another state directory"));
  }
  return *version;
}

absl::Status Migrate(Connection& connection) {
  auto transaction = Transaction::Begin(connection, Transaction::Kind::kWrite);
  if (!transaction.ok()) return transaction.status();
  const auto version = SchemaVersion(connection);
  if (!version.ok()) return version.status();
  const auto steps = Migrations();
  for (auto step = *version; step < static_cast<std::int64_t>(steps.size()); ++step) {
    const std::string doing = absl::StrCat("bring the schema to version ", step + 1);
    if (auto done = connection.Execute(steps[step], doing); !done.ok()) return done;
    const std::string stamp =
        absl::StrCat("PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", step + 1);
    if (auto done = connection.Execute(stamp, doing); !done.ok()) return done;
  }
  return transaction->Commit();
}

}  // namespace rsg::store
