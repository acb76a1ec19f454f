// A job as rsg-trainer's command line. Pure.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

/// Descriptor on which the trainer writes its JSON lines.
inline constexpr int kTrainerEventsFd = 3;

/// The arguments of `rsg-trainer` for this job on this device, which is the assigned one. In `state_folder` there is a
/// file for each GPU, in which its trainers tell each other how warm it was: so a machine's first cell is warmed for
/// long, the next ones hardly.
std::vector<std::string> TrainerArguments(const v1::Assign& assign, const v1::Device& device,
                                          const std::filesystem::path& state_folder);

}  // namespace rsg::agent
