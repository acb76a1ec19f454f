// Who this machine is, in a form that gives nothing away.
#pragma once
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace rsg::agent {

/// 16 hex digits of a hash of the host's machine id, the same at every call. Read below `root` ("/"). Where the host
/// has none (many containers), its hardware's id serves, else one that is made once and kept in `state_folder`.
absl::StatusOr<std::string> MachineId(const std::filesystem::path& root, const std::filesystem::path& state_folder);

/// Id of the CPU as a device: "CPU-" and 12 hex digits, of the machine and the agent's credential, so that two agents
/// on one machine are two devices.
std::string CpuDeviceId(const std::string& machine_id, const std::string& credential_sha256);

}  // namespace rsg::agent
