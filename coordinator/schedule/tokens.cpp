#include "coordinator/schedule/tokens.hpp"

#include <cmath>

#include <fmt/format.h>

#include "common/secret.hpp"

namespace rsg::schedule {
namespace {

constexpr std::uint32_t kDefaultUses = 64;
constexpr std::uint32_t kMostUses = 100'000;
constexpr double kDay = 86400;
constexpr double kDefaultSeconds = 7 * kDay;
constexpr double kMostSeconds = 3650 * kDay;
constexpr std::size_t kSecretBytes = 16;
constexpr std::size_t kIdBytes = 4;

// The agent adds what to do.
absl::Status Refuse(const char* why) { return absl::PermissionDeniedError(fmt::format("join token: {}", why)); }

}  // namespace

void Tokens::Restore(const TokenRecord& token) {
  by_hash_[token.token_sha256] = token.token_id;
  tokens_[token.token_id] = token;
}

absl::StatusOr<Tokens::Made> Tokens::Make(std::uint32_t uses, double valid_seconds, double now_unix,
                                          const RandomSource& random) {
  if (uses > kMostUses)
    return absl::InvalidArgumentError(fmt::format("uses: {} is out of range; use 1 to {}", uses, kMostUses));
  if (!std::isfinite(valid_seconds) || valid_seconds < 0 || valid_seconds > kMostSeconds)
    return absl::InvalidArgumentError(fmt::format("valid: {} s is out of range; use up to ten years", valid_seconds));
  Made made;
  made.secret = random(kSecretBytes);
  do {
    made.record.token_id = "t-" + random(kIdBytes);
  } while (tokens_.contains(made.record.token_id));
  made.record.token_sha256 = Sha256Hex(made.secret);
  made.record.uses_left = uses == 0 ? kDefaultUses : uses;
  made.record.expires_unix = now_unix + (valid_seconds == 0 ? kDefaultSeconds : valid_seconds);
  Restore(made.record);
  return made;
}

absl::Status Tokens::Check(std::string_view secret, double now_unix) const {
  // Found by hash, so how long the search takes tells nothing about a secret.
  const auto found = by_hash_.find(Sha256Hex(secret));
  if (found == by_hash_.end()) return Refuse("unknown to this coordinator");
  const TokenRecord& token = tokens_.at(found->second);
  if (token.revoked) return Refuse("revoked");
  if (now_unix >= token.expires_unix) return Refuse("expired");
  if (token.uses_left == 0) return Refuse("used up");
  return absl::OkStatus();
}

bool Tokens::IsGood(std::string_view token_id, double now_unix) const {
  const auto found = tokens_.find(token_id);
  return found != tokens_.end() && !found->second.revoked && found->second.uses_left > 0 &&
         now_unix < found->second.expires_unix;
}

absl::StatusOr<TokenRecord> Tokens::Spend(std::string_view secret, double now_unix) {
  if (auto checked = Check(secret, now_unix); !checked.ok()) return checked;
  TokenRecord& token = tokens_.at(by_hash_.at(Sha256Hex(secret)));
  --token.uses_left;
  return token;
}

absl::StatusOr<TokenRecord> Tokens::Revoke(std::string_view token_id) {
  const auto found = tokens_.find(token_id);
  if (found == tokens_.end())
    return absl::NotFoundError(
        fmt::format("token: '{}' is unknown; 'rsg agents token list' shows all", token_id.substr(0, 64)));
  found->second.revoked = true;
  return found->second;
}

}  // namespace rsg::schedule
