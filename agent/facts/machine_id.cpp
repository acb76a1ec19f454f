#include "agent/facts/machine_id.hpp"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/files.hpp"
#include "common/secret.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMaxBytes = 4096;

std::string Hashed(const std::string& id) { return Sha256Hex(absl::StrCat("rsg machine ", id)).substr(0, 16); }

}  // namespace

absl::StatusOr<std::string> MachineId(const std::filesystem::path& root, const std::filesystem::path& state_folder) {
  for (const char* file : {"etc/machine-id", "var/lib/dbus/machine-id", "sys/class/dmi/id/product_uuid"}) {
    const auto content = ReadFile(root / file, kMaxBytes);
    if (!content.ok()) continue;
    const std::string id(absl::StripAsciiWhitespace(*content));
    if (!id.empty() && id != "uninitialized") return Hashed(id);
  }
  const auto own = state_folder / "machine-id";
  const auto kept = ReadFile(own, kMaxBytes);
  if (kept.ok() && !kept->empty()) return Hashed(std::string(absl::StripAsciiWhitespace(*kept)));
  const std::string made = RandomHex(16);
  if (auto status = WriteFile(own, made + "\n"); !status.ok()) return status;
  return Hashed(made);
}

std::string CpuDeviceId(const std::string& machine_id, const std::string& credential_sha256) {
  return absl::StrCat("CPU-", Sha256Hex(machine_id + credential_sha256).substr(0, 12));
}

}  // namespace rsg::agent
