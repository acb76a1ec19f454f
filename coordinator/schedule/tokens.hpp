// Join tokens: made for an operator, spent by agents that enrol. Pure; a token's secret is never kept, only its hash.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/schedule/records.hpp"

namespace rsg::schedule {

/// Random bytes as lower-case hex digits, two a byte.
using RandomSource = std::function<std::string(std::size_t bytes)>;

class Tokens {
 public:
  struct Made {
    TokenRecord record;
    std::string secret;
  };

  /// Puts back a token that is stored.
  void Restore(const TokenRecord& token);

  /// `uses` 0 means 64, `valid_seconds` 0 means 7 days. INVALID_ARGUMENT out of range.
  absl::StatusOr<Made> Make(std::uint32_t uses, double valid_seconds, double now_unix, const RandomSource& random);

  /// Takes one use. PERMISSION_DENIED, with the reason, when the token is unknown, revoked, expired or used up.
  absl::StatusOr<TokenRecord> Spend(std::string_view secret, double now_unix);

  /// Whether Spend would succeed.
  absl::Status Check(std::string_view secret, double now_unix) const;

  /// Whether the token of that id can still be spent.
  bool IsGood(std::string_view token_id, double now_unix) const;

  /// The revoked token's new record; NOT_FOUND.
  absl::StatusOr<TokenRecord> Revoke(std::string_view token_id);

  /// By id.
  const std::map<std::string, TokenRecord, std::less<>>& all() const { return tokens_; }

 private:
  std::map<std::string, TokenRecord, std::less<>> tokens_;   // by id
  std::map<std::string, std::string, std::less<>> by_hash_;  // to id
};

}  // namespace rsg::schedule
