#include "agent/connection/membership.hpp"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/files.hpp"
#include "common/secret.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::filesystem::path FileIn(const std::filesystem::path& state_folder) { return state_folder / "membership"; }

absl::Status Save(const std::filesystem::path& state_folder, const Membership& membership) {
  const nlohmann::json fields{{"address", membership.address},
                              {"ca", membership.ca_pem},
                              {"credential", membership.credential},
                              {"enrolled", membership.enrolled}};
  return WriteFile(FileIn(state_folder), fields.dump(2) + "\n", 0600);
}

absl::StatusOr<std::optional<Membership>> Load(const std::filesystem::path& state_folder) {
  const auto file = FileIn(state_folder);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  const auto content = ReadSecretFile(file);
  if (!content.ok()) return content.status();
  const auto fields = nlohmann::json::parse(*content, nullptr, /*allow_exceptions=*/false);
  Membership membership;
  const auto take = [&](const char* name, std::string* value) {
    if (!fields.is_object() || !fields.contains(name) || !fields[name].is_string()) return false;
    *value = fields[name].get<std::string>();
    return !value->empty();
  };
  if (!take("address", &membership.address) || !take("ca", &membership.ca_pem) ||
      !take("credential", &membership.credential) || !fields.contains("enrolled") || !fields["enrolled"].is_boolean())
    return absl::DataLossError(absl::StrCat(file.string(), " is damaged; remove it and join again with RSG_JOIN"));
  membership.enrolled = fields["enrolled"].get<bool>();
  return membership;
}

}  // namespace

absl::StatusOr<Membership> OpenMembership(const std::filesystem::path& state_folder,
                                          const std::optional<JoinLine>& join) {
  auto kept = Load(state_folder);
  if (!kept.ok()) return kept.status();
  if (!join) {
    if (*kept) return **kept;
    return absl::InvalidArgumentError(
        absl::StrCat("no join line: set RSG_JOIN or --join-file to what 'rsg serve' or 'rsg agents token' gives (",
                     state_folder.string(), " knows no coordinator yet)"));
  }
  const bool same_coordinator = *kept && (*kept)->ca_pem == join->ca_pem;
  if (same_coordinator && (*kept)->address == join->address) return **kept;
  Membership membership{.address = join->address,
                        .ca_pem = join->ca_pem,
                        .credential = same_coordinator ? (*kept)->credential : RandomHex(kSecretBytes),
                        .enrolled = same_coordinator && (*kept)->enrolled};
  if (auto status = Save(state_folder, membership); !status.ok()) return status;
  return membership;
}

absl::Status SaveEnrolled(const std::filesystem::path& state_folder, Membership* membership) {
  if (membership->enrolled) return absl::OkStatus();
  membership->enrolled = true;
  return Save(state_folder, *membership);
}

}  // namespace rsg::agent
