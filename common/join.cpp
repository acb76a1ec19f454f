#include "common/join.hpp"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/secret.hpp"

namespace rsg {
namespace {

constexpr std::size_t kMaxBytes = 16 << 10;
constexpr std::size_t kCheckDigits = 8;

absl::string_view Prefix(JoinKind kind) { return kind == JoinKind::kAgent ? "rsg-join-1." : "rsg-operator-1."; }

// Where a whole one is found.
absl::string_view Source(JoinKind kind) {
  return kind == JoinKind::kAgent
             ? "copy it whole from 'rsg serve' or 'rsg agents token'"
             : "take it whole from the file 'operator' of the coordinator's state folder, on another "
               "machine from 'operator-remote'";
}

std::string Check(std::string_view body) { return Sha256Hex(body).substr(0, kCheckDigits); }

absl::Status Wrong(absl::string_view why) { return absl::InvalidArgumentError(absl::StrCat("the join line ", why)); }

absl::Status CheckPrefix(absl::string_view text, JoinKind expected) {
  if (absl::StartsWith(text, Prefix(expected))) return absl::OkStatus();
  if (text.empty()) return Wrong(absl::StrCat("is empty; ", Source(expected)));
  if (absl::StartsWith(text, Prefix(JoinKind::kAgent)))
    return Wrong("is an agent's, an operator's is needed (the file 'operator' in the coordinator's state folder)");
  if (absl::StartsWith(text, Prefix(JoinKind::kOperator)))
    return Wrong("is an operator's, an agent's is needed ('rsg agents token' makes one)");
  return Wrong(absl::StrCat("does not begin with ", Prefix(expected), "; ", Source(expected)));
}

}  // namespace

std::string EncodeJoinLine(const JoinLine& line) {
  const nlohmann::json fields{{"address", line.address}, {"ca", line.ca_pem}, {"secret", line.secret}};
  const std::string body = absl::StrCat(Prefix(line.kind), Base64Url(fields.dump()));
  return absl::StrCat(body, ".", Check(body));
}

absl::StatusOr<JoinLine> ParseJoinLine(std::string_view text, JoinKind expected) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size()));
  text = std::string_view(stripped.data(), stripped.size());
  if (const absl::Status prefix = CheckPrefix(stripped, expected); !prefix.ok()) return prefix;
  if (text.size() > kMaxBytes) return Wrong("is longer than 16 KiB; copy it again");
  const std::size_t dot = text.rfind('.');
  const std::string_view body = text.substr(0, dot);
  if (dot < Prefix(expected).size() || text.substr(dot + 1) != Check(body))
    return Wrong("is truncated or damaged (its checksum does not match); copy it again, whole");
  const std::string decoded = FromBase64Url(body.substr(Prefix(expected).size()));
  const auto fields = nlohmann::json::parse(decoded, nullptr, /*allow_exceptions=*/false);
  JoinLine line{.kind = expected, .address = {}, .ca_pem = {}, .secret = {}};
  const auto take = [&](const char* name, std::string* value) {
    if (!fields.is_object() || !fields.contains(name) || !fields[name].is_string()) return false;
    *value = fields[name].get<std::string>();
    return !value->empty();
  };
  if (!take("address", &line.address) || !take("ca", &line.ca_pem) || !take("secret", &line.secret))
    return Wrong(absl::StrCat("lacks its address, CA or secret; ", Source(expected)));
  return line;
}

}  // namespace rsg
