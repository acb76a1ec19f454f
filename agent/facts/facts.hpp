// What an agent announces about its machine.
#pragma once
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "rsg/v1/trainer.pb.h"
#include "rsg/v1/types.pb.h"

namespace rsg::agent {

/// Puts together what the operating system (read below `root`, "/") and the trainer say. The CPU gets its id here, by
/// machine and credential. The answer passes Validate(MachineFacts); an error says what of it is wrong.
absl::StatusOr<v1::MachineFacts> GatherFacts(const v1::TrainerInfo& trainer, const std::string& credential_sha256,
                                             const std::filesystem::path& root,
                                             const std::filesystem::path& state_folder);

}  // namespace rsg::agent
