// A job as rsg-trainer's command line. Pure.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

/// Descriptor on which the trainer writes its JSON lines.
inline constexpr int kTrainerEventsFd = 3;

/// The arguments of `rsg-trainer` for this job on this device, which is the assigned one. What the trainer remembers
/// from job to job (what the device reaches in matrix products) lies in files in `state_folder`.
std::vector<std::string> TrainerArguments(const v1::Assign& assign, const v1::Device& device,
                                          const std::filesystem::path& state_folder);

}  // namespace rsg::agent
