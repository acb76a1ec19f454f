// The TorchScript files of a sweep: found, named and hashed here, then brought to the coordinator.
#pragma once
#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/cli/client.hpp"
#include "coordinator/cli/sweep_expression.hpp"

namespace rsg::cli {

struct ScriptFile {
  std::filesystem::path path;
  v1::Script script;
};

/// Takes the fields `script` and `input-shape` out of `fields` and reads the files whole. INVALID_ARGUMENT "field:
/// value ...; remedy".
absl::StatusOr<std::vector<ScriptFile>> TakeScripts(SweepFields* fields);

/// The sweep of `fields` with these scripts; errors as ParseSweep.
absl::StatusOr<v1::SweepSpec> ParseSweep(const SweepFields& fields, const std::vector<ScriptFile>& files);

/// Sends what the coordinator does not have, going on where an earlier try was cut. Shows how far it is on a terminal.
/// Errors of the Control service, with the file's name; those that may pass have been tried three times.
absl::Status UploadScripts(Client* client, const std::vector<ScriptFile>& files);

}  // namespace rsg::cli
