// A transaction that is rolled back unless it is committed.
#pragma once
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/sqlite.hpp"

namespace rsg::store {

class Transaction {
 public:
  /// kWrite takes the write lock at once, so that nothing can fail for want of it later.
  enum class Kind { kWrite, kRead };

  /// `connection` must outlive the transaction.
  static absl::StatusOr<Transaction> Begin(Connection& connection, Kind kind) {
    const char* sql = kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN";
    if (auto begun = connection.Execute(sql, "begin a transaction"); !begun.ok()) return begun;
    return Transaction(&connection);
  }

  absl::Status Commit() {
    auto committed = connection_->Execute("COMMIT", "commit");
    if (committed.ok()) connection_ = nullptr;
    return committed;
  }

  ~Transaction() {
    if (connection_ != nullptr) connection_->Rollback();
  }
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_;
};

}  // namespace rsg::store
